"""Draws `docs/rooms.svg`: the rooms of `avatar/`, which imports which, and the way of a camera frame through them.

    python docs/draw_rooms.py          writes the picture anew
    python docs/draw_rooms.py --check  exit code 1 where it is not what the code says

The arrows are read from the code's own imports. One that others imply (a room imports a room that imports a third) is
left out. The same code always gives the same picture.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[1]
PICTURE: Final = ROOT / "docs" / "rooms.svg"

ROOMS: Final = {
    "call": "one call, from offer to end",
    "cluster": "many machines: gateway, replicas",
    "commands": "the command line",
    "conversation": "turns, STT, LLM, TTS",
    "face": "mesh, pose, expression basis",
    "generator": "enrolment, tiers, engines",
    "identities": "the library of faces",
    "integrations": "LiveKit, Pipecat",
    "media": "files, audio, photos, colour",
    "models": "the model store",
    "motion": "one composer and its sources",
    "perception": "face tracking, speech features",
    "sdk": "an avatar for programs",
    "server": "the HTTP application",
    "session": "one pipeline, live or offline",
    "stream": "WebRTC below the call",
    "timing": "pacing, A/V sync, queues",
    "trust": "consent and marks",
    "virtual_camera": "a camera for Zoom and OBS",
}
"""What each folder of `avatar/` holds, in a few words."""
USED_BY_ALL: Final = ("config",)
"""Folders that every room imports: named in a line, since arrows to them would hide the others."""

PIPELINE: Final = "session/live.py"
FOLLOWER: Final = "session/face_follower.py"
"""Its perceive stage."""
WAY: Final = (
    ("stream/codecs/picture_decoder.py", "decodes the", "camera's frame"),
    (PIPELINE, "keeps the newest", "frame and face"),
    ("media/frame_pixels.py", "converts to RGB", "what is looked at"),
    ("perception/tracker.py", "finds and tracks", "the face"),
    ("motion/composer.py", "composes face, voice", "and cues to motion"),
    ("generator/adaptive.py", "draws the avatar", "in that motion"),
    ("stream/video_track.py", "encodes and sends", "the picture"),
)
"""The way of a frame: (file, what it does there). What lies between the streams, `PIPELINE` or `FOLLOWER` calls."""

WIDTH: Final = 1180
BOX_WIDTH: Final = 196
BOX_HEIGHT: Final = 46
ROW: Final = 84
GAP: Final = 18
BEND_WIDTH: Final = 14
"""Room that an arrow takes where it passes a row of boxes."""
SWEEPS: Final = 40
COLOURS: Final = {
    "entrance": ("#e3edfb", "#3b6fb5"),
    "pipeline": ("#e4f4e8", "#2f8a4c"),
    "base": ("#fbf0dc", "#b07a1f"),
}


class Bend(NamedTuple):
    """A place where an arrow passes a row."""

    begin: str
    end: str
    row: int


Node = str | Bend


def imported_rooms(package: Path) -> dict[str, set[str]]:
    """Return for each folder of a package the other folders whose modules its own import, wherever in the file."""
    rooms = {path.name for path in package.iterdir() if (path / "__init__.py").is_file()} - set(USED_BY_ALL)
    found: dict[str, set[str]] = {room: set() for room in rooms}
    for room in rooms:
        for path in (package / room).rglob("*.py"):
            modules = imported_modules(path)
            found[room] |= {module.split(".")[1] for module in modules if "." in module} & rooms - {room}
    return found


def imported_modules(path: Path) -> set[str]:
    """Return the modules of `avatar` that a file imports, `avatar.a.b` for `from avatar.a import b` too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "avatar":
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names if name.name.startswith("avatar.")}
    return found


def rows_of(imports: Mapping[str, set[str]]) -> dict[str, int]:
    """Return each room's row, 0 at the top: below every room that imports it.

    Raises:
        ValueError: some rooms import each other in a circle.
    """
    depth: dict[str, int] = {}

    def visit(room: str, path: tuple[str, ...]) -> int:
        if room in path:
            raise ValueError(f"Rooms import each other in a circle: {' -> '.join((*path, room))}.")
        if room not in depth:
            depth[room] = max((visit(other, (*path, room)) + 1 for other in sorted(imports[room])), default=0)
        return depth[room]

    height = max(visit(room, ()) for room in sorted(imports))
    return {room: height - depth[room] for room in imports}


def without_implied(imports: Mapping[str, set[str]]) -> list[tuple[str, str]]:
    """Return the imports that no other path of imports implies."""

    def reach(room: str) -> set[str]:
        return imports[room].union(*(reach(other) for other in imports[room]))

    return [
        (room, other)
        for room in sorted(imports)
        for other in sorted(imports[room])
        if not any(other in reach(between) for between in imports[room] - {other})
    ]


@dataclass(frozen=True)
class Layout:
    """Where everything lies: the middle of each box and bend, pixels."""

    x: Mapping[Node, float]
    rows: Mapping[str, int]
    arrows: Sequence[Sequence[Node]]
    """Each from a room through its bends to a room."""


def lay_out(imports: Mapping[str, set[str]]) -> Layout:
    """Place rooms in rows so that arrows are short and seldom cross (Sugiyama et al., IEEE SMC 11(2), 1981)."""
    rows = rows_of(imports)
    arrows: list[list[Node]] = []
    for begin, end in without_implied(imports):
        bends = [Bend(begin, end, row) for row in range(rows[begin] + 1, rows[end])]
        arrows.append([begin, *bends, end])
    layers: list[list[Node]] = [[] for _ in range(max(rows.values()) + 1)]
    for room in sorted(rows):
        layers[rows[room]].append(room)
    for arrow in arrows:
        for bend in arrow[1:-1]:
            layers[bend.row if isinstance(bend, Bend) else 0].append(bend)
    above: dict[Node, list[Node]] = {node: [] for layer in layers for node in layer}
    below: dict[Node, list[Node]] = {node: [] for layer in layers for node in layer}
    for arrow in arrows:
        for upper, lower in pairwise(arrow):
            below[upper].append(lower)
            above[lower].append(upper)
    x: dict[Node, float] = {}
    for layer in layers:
        x |= spread(layer, {node: WIDTH * (at + 1) / (len(layer) + 1) for at, node in enumerate(layer)})
    for sweep in range(SWEEPS):
        neighbours = (above, below)[sweep % 2]
        for layer in layers if neighbours is above else reversed(layers):
            wanted = {node: fmean([x[other] for other in neighbours[node]] or [x[node]]) for node in layer}
            layer.sort(key=lambda node: (wanted[node], str(node)))
            x |= spread(layer, wanted)
    edge = min(x[room] for room in rows) + max(x[room] for room in rows)
    return Layout({node: place + (WIDTH - edge) / 2 for node, place in x.items()}, rows, arrows)


def spread(layer: Sequence[Node], wanted: Mapping[Node, float]) -> dict[Node, float]:
    """Return places for a row's boxes and bends, in this order and apart, near to the wanted ones."""
    widths = [BEND_WIDTH if isinstance(node, Bend) else BOX_WIDTH for node in layer]
    steps = [(one + other) / 2 + GAP for one, other in pairwise(widths)]
    low, places = -1e9, []
    for node, step in zip(layer, [*steps, 0.0], strict=True):
        places.append(max(wanted[node], low))
        low = places[-1] + step
    bound = WIDTH - GAP - widths[-1] / 2 if layer else 0.0
    for at in range(len(layer) - 1, -1, -1):
        places[at] = min(places[at], bound)
        bound = places[at] - (steps[at - 1] if at else 0)
    shift = max(0.0, GAP + widths[0] / 2 - places[0]) if layer else 0.0
    return {node: round(place + shift, 1) for node, place in zip(layer, places, strict=True)}


def kind_of(room: str) -> str:
    """Return which of `COLOURS` a room has: entrances to the product, stages of the pipeline, or what all build on."""
    if room in ("commands", "server", "call", "sdk", "integrations"):
        return "entrance"
    return "base" if room in ("face", "media", "timing", "models", "identities") else "pipeline"


def box(x: float, y: float, width: float, lines: Sequence[str], colours: tuple[str, str]) -> str:
    """Return a box around a middle at the top, its first line a name."""
    fill, edge = colours
    height = BOX_HEIGHT + 15 * (len(lines) - 2)
    rect = f'<rect x="{x - width / 2:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height}" rx="8"'
    texts = "".join(
        f'<text x="{x:.1f}" y="{y + 19 + 16 * at:.1f}" class="{"word" if at else "name"}">{escape(line)}</text>'
        for at, line in enumerate(lines)
    )
    return f'{rect} fill="{fill}" stroke="{edge}"/>{texts}'


def path_of(arrow: Sequence[Node], layout: Layout, top: float) -> str:
    """Return an arrow that leaves a box at its lower edge and passes its bends upright."""
    first, last = arrow[0], arrow[-1]
    x, y = layout.x[first], top + layout.rows[str(first)] * ROW + BOX_HEIGHT
    text = f"M{x:.1f} {y:.1f}"
    for node in arrow[1:]:
        row = node.row if isinstance(node, Bend) else layout.rows[str(last)]
        to_x, to_y = layout.x[node], top + row * ROW - (0 if isinstance(node, Bend) else 3)
        half = (y + to_y) / 2
        text += f"C{x:.1f} {half:.1f} {to_x:.1f} {half:.1f} {to_x:.1f} {to_y:.1f}"
        x, y = to_x, to_y
        if isinstance(node, Bend):
            y += BOX_HEIGHT
            text += f"V{y:.1f}"
    return f'<path d="{text}" marker-end="url(#tip)"/>'


def check_way(package: Path) -> None:
    """Raise ValueError where the way of a frame names a file that is not there, or that the pipeline does not use."""
    used = {*imported_modules(package / PIPELINE), *imported_modules(package / FOLLOWER)}
    for file, *_ in WAY:
        if not (package / file).is_file():
            raise ValueError(f"The way of a frame names avatar/{file}, which is not there.")
        module = "avatar." + file.removesuffix(".py").replace("/", ".")
        if file != PIPELINE and not file.startswith("stream/") and module not in used:
            raise ValueError(f"The way of a frame names avatar/{file}, which the pipeline does not import.")


def way_of_a_frame(top: float) -> Iterable[str]:
    """Yield the row of boxes that a camera frame passes."""
    width = (WIDTH - 2 * GAP - (len(WAY) - 1) * GAP) / len(WAY)
    yield f'<text x="{GAP}" y="{top:.1f}" class="title">The way of a camera frame</text>'
    for at, (file, *words) in enumerate(WAY):
        x = GAP + width / 2 + at * (width + GAP)
        yield box(x, top + 16, width, (*file.split("/"), *words), COLOURS[kind_of(file.split("/")[0])])
        if at:
            yield f'<path d="M{x - width / 2 - GAP:.1f} {top + 54:.1f}h{GAP - 3}" marker-end="url(#tip)"/>'


def draw(package: Path) -> str:
    """Return the picture of a package as SVG.

    Raises:
        ValueError: a folder that `ROOMS` does not name or the other way round, a circle of imports, or a wrong way.
    """
    imports = imported_rooms(package)
    if imports.keys() != ROOMS.keys():
        raise ValueError(f"ROOMS and the folders differ in: {', '.join(sorted(imports.keys() ^ ROOMS.keys()))}.")
    check_way(package)
    files = [path.name for path in package.glob("*.py") if path.name != "__init__.py"]
    shared = sorted([*files, *(f"{room}/" for room in USED_BY_ALL)])
    layout = lay_out(imports)
    top = 64.0
    bottom = top + (max(layout.rows.values()) + 1) * ROW
    height = bottom + 122
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" '
        f'width="{WIDTH}" height="{height:.0f}" role="img" aria-label="Rooms of avatar/, and the way of a frame">',
        "<style>text{font:12px system-ui,sans-serif;fill:#333;text-anchor:middle}.name{font-weight:600;font-size:14px;"
        "fill:#111}.title{font-weight:600;font-size:15px;text-anchor:start;fill:#111}.note{text-anchor:start}"
        "path{fill:none;stroke:#777;stroke-width:1.3}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" style="fill:#777;stroke:none"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{height:.0f}" rx="12" fill="#fdfdfc"/>',
        f'<text x="{GAP}" y="28" class="title">The rooms of avatar/</text>',
        f'<text x="{GAP}" y="48" class="note">An arrow leads to what is imported; arrows that others imply are left'
        f" out. All rooms use {', '.join(shared)}.</text>",
        *(path_of(arrow, layout, top) for arrow in layout.arrows),
        *(
            box(layout.x[room], top + layout.rows[room] * ROW, BOX_WIDTH, (room, ROOMS[room]), COLOURS[kind_of(room)])
            for room in sorted(layout.rows)
        ),
        *way_of_a_frame(bottom + 12),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write the picture, or check it; returns the exit code."""
    drawn = draw(ROOT / "avatar")
    if "--check" in arguments:
        if PICTURE.read_text(encoding="utf-8") == drawn:
            return 0
        print("docs/rooms.svg is not what the code says: python docs/draw_rooms.py draws it anew.", file=sys.stderr)
        return 1
    PICTURE.write_text(drawn, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
