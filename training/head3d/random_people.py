"""Random people for training: each seed gives one person, camera and series of poses. None of them exists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import numpy as np

from training.head3d.backdrop import BackdropLook, Kind
from training.head3d.brows import BrowLook
from training.head3d.cloth import ClothLook
from training.head3d.eyes import IrisLook
from training.head3d.glasses import GlassesLook
from training.head3d.hair import HairLook
from training.head3d.light import Light
from training.head3d.portrait import Person
from training.head3d.posed_person import Pose
from training.head3d.scene import Camera
from training.head3d.skin import Complexion

Rgb = tuple[int, int, int]

_IDENTITIES: Final = 100
_IDENTITY_SPREAD: Final = 0.85
"""Of the head model's own standard deviation: its tails look swollen."""
_SKINS: Final = np.array(
    [(84, 54, 42), (122, 78, 56), (166, 114, 84), (204, 156, 128), (218, 172, 148), (228, 186, 164)]
)
_LIPS: Final = np.array([(92, 54, 52), (118, 66, 62), (150, 84, 78), (176, 96, 90), (190, 104, 98), (204, 122, 116)])
_BLUSHES: Final = np.array(
    [(92, 52, 42), (132, 70, 52), (168, 98, 76), (202, 122, 104), (214, 134, 116), (222, 140, 122)]
)
_IRISES: Final[tuple[tuple[Rgb, Rgb, Rgb], ...]] = (
    ((74, 44, 24), (50, 30, 18), (16, 11, 9)),
    ((110, 72, 36), (76, 50, 28), (26, 18, 12)),
    ((150, 110, 60), (86, 104, 84), (30, 34, 34)),
    ((136, 120, 92), (88, 116, 138), (32, 42, 52)),
    ((150, 150, 140), (108, 124, 132), (40, 48, 56)),
)
_HAIRS: Final[tuple[Rgb, ...]] = (
    (24, 20, 20), (38, 28, 22), (60, 40, 28), (92, 62, 40), (128, 92, 56), (110, 54, 30), (150, 144, 138),
)  # fmt: skip
_KINDS: Final[tuple[Kind, ...]] = ("studio", "window", "evening", "garden")

_Range = tuple[float, float]
_MOUTHS: Final[tuple[tuple[float, Mapping[str, _Range]], ...]] = (
    (0.10, {}),
    (0.08, {"mouthSmile": (0.2, 0.8), "mouthDimple": (0.0, 0.4)}),
    (0.11, {"mouthSmile": (0.5, 1.0), "mouthUpperUp": (0.2, 0.6), "mouthLowerDown": (0, 0.5), "jawOpen": (0, 0.12)}),
    (0.09, {"jawOpen": (0.2, 0.6), "mouthSmile": (0.4, 0.9), "mouthUpperUp": (0.2, 0.6), "mouthLowerDown": (0.0, 0.5)}),
    (0.12, {"jawOpen": (0.25, 0.85), "mouthUpperUp": (0.0, 0.3), "mouthLowerDown": (0.0, 0.4)}),
    (0.11, {"jawOpen": (0.1, 0.4), "mouthStretch": (0.1, 0.6), "mouthLowerDown": (0.1, 0.6), "mouthUpperUp": (0, 0.4)}),
    (0.09, {"jawOpen": (0, 0.2), "mouthStretch": (0.2, 0.7), "mouthLowerDown": (0.3, 0.8), "mouthUpperUp": (0.2, 0.6)}),
    (0.08, {"jawOpen": (0.15, 0.55), "mouthFunnel": (0.3, 0.9)}),
    (0.08, {"mouthPucker": (0.4, 1.0), "mouthFunnel": (0.0, 0.4), "jawOpen": (0.0, 0.15)}),
    (0.05, {"mouthRollLower": (0.4, 0.9), "mouthUpperUp": (0.2, 0.5), "jawOpen": (0.02, 0.12)}),
    (0.04, {"mouthPress": (0.2, 0.8), "mouthRollLower": (0.0, 0.5), "mouthRollUpper": (0.0, 0.5)}),
    (0.03, {"mouthUpperUp": (0.5, 1.0), "noseSneer": (0.3, 0.8), "jawOpen": (0.0, 0.2)}),
    (0.02, {"mouthLowerDown": (0.6, 1.0), "mouthFrown": (0.2, 0.8), "jawOpen": (0.0, 0.2)}),
)  # fmt: skip
"""Odds and weights of mouth shapes: rest, smiles without and with teeth, laughter, a, e, i, o, u, f, m, snarls."""
_ONE: Final = ("jawOpen", "mouthFunnel", "mouthPucker", "mouthRollLower", "mouthRollUpper")
"""Weights without a left and a right."""


def random_person(seed: int) -> Person:
    """The person of a number: shape, skin, eyes, hair, clothes, room and light."""
    rng = np.random.default_rng([seed, 1])
    tone = float(rng.uniform(0, len(_SKINS) - 1))
    colours = {name: _at(table, tone, rng) for name, table in (("skin", _SKINS), ("lips", _LIPS), ("blush", _BLUSHES))}
    hair_colour = _HAIRS[rng.integers(len(_HAIRS) if tone > 2.5 else 3)]
    brow_colour: Rgb = tuple(int(v * 0.8) for v in hair_colour)  # type: ignore[assignment]  # three stay three
    hair, cap, scalp = _covered(rng, hair_colour)
    beard = rng.random() < 0.3
    identity = np.clip(rng.normal(0, _IDENTITY_SPREAD, _IDENTITIES), -1.9, 1.9)
    dark, light = sorted((_any_colour(rng, 20, 130), _any_colour(rng, 60, 220)), key=sum)
    bright = float(rng.uniform(0.72, 1.0))
    yellow = float(rng.uniform(0.0, 0.22))
    return Person(
        id=f"synth_{seed:03d}",
        name=f"Synthetic {seed}",
        seed=1000 + seed,
        identity={index: float(weight) for index, weight in enumerate(identity)},
        expression={},
        complexion=Complexion(
            **colours,
            blush_strength=float(rng.uniform(0.15, 0.5)),
            freckles=float(rng.uniform(0.3, 0.8)) if tone > 3 and rng.random() < 0.25 else 0.0,
            under_eye=float(rng.uniform(0.1, 0.6)),
            oil=float(rng.uniform(0.2, 0.9)),
            pores=float(rng.uniform(0.3, 1.0)),
            stubble=float(rng.uniform(0.2, 0.75)) if beard else 0.0,
            stubble_colour=brow_colour,
            lid_shade=float(rng.uniform(0, 0.8)) if not beard and rng.random() < 0.35 else 0.0,
            scalp=scalp,
        ),
        iris=IrisLook(*_IRISES[rng.integers(len(_IRISES) if tone > 2.5 else 2)], pupil=float(rng.uniform(0.28, 0.5))),
        brow=BrowLook(
            brow_colour,
            hairs=int(rng.integers(260, 560)),
            thickness=float(rng.uniform(0.75, 1.25)),
            height_cm=float(rng.uniform(-0.2, 0.25)),
            arch_cm=float(rng.uniform(-0.25, 0.2)),
            lash_length=float(rng.uniform(0.6, 1.1)),
        ),
        hair=hair,
        cap=cap,
        clothes=ClothLook(
            "turtleneck" if rng.random() < 0.35 else "crew",
            _any_colour(rng, 20, 230),
            weave="knit" if rng.random() < 0.4 else "jersey",
        ),
        backdrop=BackdropLook(_KINDS[rng.integers(len(_KINDS))], dark, light),
        lights=_lights(rng),
        sky=tuple((rng.uniform(0.15, 0.38) * rng.uniform(0.92, 1.08, 3)).tolist()),
        exposure=float(rng.uniform(0.85, 1.2)) * (1.2 if tone < 1.5 else 1.0),
        enamel=(bright, bright * (1 - 0.35 * yellow), bright * (1 - yellow)),
    )


def random_glasses_look(seed: int) -> GlassesLook:
    """Glasses that would suit somebody: no person of a number wears any by themselves."""
    rng = np.random.default_rng([seed, 4])
    metal = rng.random() < 0.4
    return GlassesLook(
        _any_colour(rng, 90, 200) if metal else _any_colour(rng, 12, 110),
        half_width=float(rng.uniform(0.35, 0.45)),
        half_height=float(rng.uniform(0.24, 0.36)),
        squareness=float(rng.uniform(2, 4.5)),
        wire=float(rng.uniform(0.012, 0.02) if metal else rng.uniform(0.025, 0.05)),
    )


def random_camera(seed: int, side: int) -> Camera:
    """The camera before that person: height, distance and frame vary as those of laptops and phones do."""
    rng = np.random.default_rng([seed, 2])
    return Camera(
        side,
        1,
        centre=(float(rng.uniform(-1.0, 1.0)), float(rng.uniform(-1.2, 0.4))),
        px_per_cm=float(rng.uniform(28.0, 31.5)),
        eye_height=float(rng.uniform(-9.0, 9.0)),
        distance=float(np.exp(rng.uniform(np.log(42.0), np.log(140.0)))),
    )


def random_poses(seed: int, count: int) -> list[Pose]:
    """What that person does, ``count`` unrelated moments; the first looks at us with a closed mouth, as photos do."""
    rng = np.random.default_rng([seed, 3])
    return [Pose(_eyes(rng, 0.0, calm=True)), *(_random_pose(rng) for _ in range(count - 1))]


def _random_pose(rng: np.random.Generator) -> Pose:
    odds = np.array([share for share, _ in _MOUTHS])
    shape = _MOUTHS[rng.choice(len(_MOUTHS), p=odds / odds.sum())][1]
    weights: dict[str, float] = {}
    for name, (low, high) in shape.items():
        weight = float(rng.uniform(low, high))
        if name in _ONE:
            weights[name] = weight
        else:
            weights |= {f"{name}_L": weight * rng.uniform(0.8, 1.1), f"{name}_R": weight * rng.uniform(0.8, 1.1)}
    if rng.random() < 0.15:
        weights[str(rng.choice(["mouthLeft", "mouthRight", "jawLeft", "jawRight"]))] = float(rng.uniform(0.1, 0.5))
    up = float(rng.normal(-2, 9))
    wide = rng.random() < 0.5
    turn = (
        float(np.clip(rng.normal(0, 7), -16, 18)),
        float(rng.uniform(-30, 30) if wide else np.clip(rng.normal(0, 7), -30, 30)),
        float(np.clip(rng.normal(0, 6), -16, 16)),
    )
    # Eyes mostly stay with the camera while the head turns away from it.
    held = rng.uniform(0, 0.8)
    aside = float(np.clip(-held * turn[1] + rng.normal(0, 6), -26, 26))
    up = float(np.clip(0.5 * held * turn[0] + up, -22, 18))
    tongue = float(rng.uniform(0.2, 1.1)) if weights.get("jawOpen", 0) > 0.2 and rng.random() < 0.3 else 0.0
    return Pose(weights | _eyes(rng, up), turn, (aside, up), tongue)


def _eyes(rng: np.random.Generator, up: float, *, calm: bool = False) -> dict[str, float]:
    """Lids, brows and cheeks; lids go with the eyes up and down."""
    kind = 1.0 if calm else rng.random()
    lids = 1.0 if kind < 0.14 else rng.uniform(0.35, 0.8) if kind < 0.24 else rng.uniform(0.0, 0.14)
    weights = {"eyeBlink": float(lids), "eyeSquint": float(rng.uniform(0, 0.5)) if rng.random() < 0.4 else 0.0}
    if lids < 0.2 and not calm:
        weights["eyeLookUp" if up > 0 else "eyeLookDown"] = min(abs(up) / 28, 0.8)
        if rng.random() < 0.12:
            weights["eyeWide"] = float(rng.uniform(0.2, 0.9))
    if not calm:
        brow = rng.random()
        if brow < 0.25:
            raised = float(rng.uniform(0.2, 0.9))
            weights |= {"browInnerUp": raised, "browOuterUp": raised * rng.uniform(0.5, 1.0)}
        elif brow < 0.45:
            weights["browDown"] = float(rng.uniform(0.2, 0.9))
        if rng.random() < 0.15:
            weights["cheekPuff" if rng.random() < 0.3 else "cheekSquint"] = float(rng.uniform(0.2, 0.7))
    both = {f"{name}_L": value for name, value in weights.items()}
    return both | {f"{name}_R": value for name, value in weights.items()}


def _covered(rng: np.random.Generator, colour: Rgb) -> tuple[HairLook | None, ClothLook | None, Rgb | None]:
    """Hair, cap, colour of the scalp: long, combed, curled, cropped, capped or bald."""
    kind = rng.random()
    line = float(rng.uniform(-0.6, 0.5))
    scalp: Rgb = tuple(int(v * 0.9) for v in colour)  # type: ignore[assignment]  # three stay three
    if kind < 0.38:
        hair = HairLook(
            "bob",
            colour,
            count=16000,
            length_cm=float(rng.uniform(12, 17)),
            hairline_cm=line,
            part_cm=float(rng.uniform(-2.5, 2.5)),
            volume_cm=float(rng.uniform(0.5, 0.9)),
            gloss=float(rng.uniform(0.4, 1.0)),
            fringe=bool(rng.random() < 0.35),
        )
        return hair, None, scalp
    if kind < 0.68:
        style: Literal["top_knot", "afro"] = "top_knot" if kind < 0.46 else "afro"
        length = float(rng.uniform(0.8, 2.6))
        hair = HairLook(style, colour, count=16000, length_cm=length, hairline_cm=line, volume_cm=0.45, gloss=0.4)
        return hair, None, scalp
    if kind < 0.82:
        return None, None, scalp
    if kind < 0.94:
        return None, ClothLook("beanie", _any_colour(rng, 20, 200)), scalp
    return None, None, None


def _lights(rng: np.random.Generator) -> tuple[Light, ...]:
    """A soft main light, a weaker one from the other side, and often one from behind."""
    side = 1.0 if rng.random() < 0.5 else -1.0
    strength = float(rng.uniform(0.8, 1.35))
    main = (side * float(rng.uniform(0.05, 0.9)), float(rng.uniform(0.1, 0.8)), 0.75)
    lights = [
        Light(main, _tinted(rng, strength), float(rng.uniform(0.15, 0.4))),
        Light((-side * float(rng.uniform(0.3, 0.9)), 0.1, 0.65), _tinted(rng, strength * rng.uniform(0.15, 0.55)), 0.4),
    ]
    if rng.random() < 0.5:
        lights.append(Light((-side * 0.8, 0.45, -0.65), _tinted(rng, float(rng.uniform(0.4, 1.4))), 0.2))
    return tuple(lights)


def _tinted(rng: np.random.Generator, strength: float) -> tuple[float, float, float]:
    warmth = float(rng.normal(0.02, 0.06))
    return strength * (1 + warmth), strength, strength * (1 - 1.2 * warmth)


def _at(table: np.typing.NDArray[np.int_], tone: float, rng: np.random.Generator) -> Rgb:
    mixed = [np.interp(tone, np.arange(len(table)), table[:, k]) for k in range(3)]
    red, green, blue = np.clip(np.array(mixed) * rng.uniform(0.975, 1.025, 3), 0, 255).astype(int).tolist()
    return red, green, blue


def _any_colour(rng: np.random.Generator, low: int, high: int) -> Rgb:
    """A muted colour: most rooms and clothes are."""
    grey = rng.uniform(low, high)
    red, green, blue = np.clip(grey + rng.normal(0, 0.18 * grey, 3), 0, 255).astype(int).tolist()
    return red, green, blue
