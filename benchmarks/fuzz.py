"""Junk, for as long as asked for: requests, offers, messages of calls, uploads and files, by the thousand.

Requests are what schemathesis makes of the server's own description (right and wrong ones; ids that are real now and
then), offers are real clients' ones damaged by chance, messages go into a call that is held all the while, and files
are pictures, sounds and `.avatar` files damaged by chance, uploaded and read in a process of their own.

No answer may say that something failed in the server (5xx but 503, which says that it is full), nothing may crash or
hang, the call may not end, and the server may not grow (the median of its memory in the last quarter of the time over
that of the first). What was found is written down with `--found FILE`; what broke a library of others belongs into a
report to its authors, and into no repository.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import random
import tempfile
import time
import warnings
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisDeprecationWarning, Unsatisfiable
from PIL import Image

from avatar.identities.builtin import builtin_faces
from benchmarks import report
from benchmarks.churn import Churn, Held, Told
from benchmarks.damaged_offers import damaged_offers
from benchmarks.fuzz_call import Findings, HeldCall, messages
from benchmarks.fuzz_files import FileReader, damaged_one, whole_files
from benchmarks.server_process import ServerProcess

BARS = {
    "server_errors": "0",
    "failures": "0",
    "tracebacks_logged": "0",
    "calls_lost": "0",
    "memory_growth_mb": "< 15",
    "tasks_left": "<= 0",
    "descriptors_left": "<= 0",
}
SERVER = (
    *("--sessions", "8", "--overbook", "--connect-timeout-s", "2", "--lost-timeout-s", "5"),
    *("--uploaded-avatars", "2"),  # what is kept of uploads is full at once, and no growth
    *("--offers-per-minute", "100000", "--uploads-per-minute", "100000", "--rooms-per-minute", "100000"),
)
MOST_SHOWN = 3
LONGEST_SHOWN = 4000
"""Tracebacks of the server's log, and letters of each."""
EXAMPLES = 25
"""Of one kind, then it is another's turn."""
MESSAGES_WAITING = 1_000
MESSAGE_TURNS = 10
"""Messages are sent meanwhile, and go faster than all else."""
WARM_SHARE = 0.15
"""Of the time: memory grows to its usual size meanwhile."""
REAL_IDS = 0.4
"""Share of the requests whose ids are those of something that is there."""


class Fuzz:
    """One run against one server."""

    def __init__(self, server: ServerProcess, findings: Findings, random_seed: int, folder: Path) -> None:
        """Try what `random_seed` decides; damaged files are written into `folder`."""
        import schemathesis  # noqa: PLC0415  (an extra)

        self._server, self._findings, self._folder = server, findings, folder
        self._chance = random.Random(random_seed)  # noqa: S311
        no_pool = httpx2.Limits(max_keepalive_connections=0)
        self._http = httpx2.Client(trust_env=False, timeout=30, base_url=server.url, limits=no_pool)
        self._face = builtin_faces()[0].id
        with Image.open(builtin_faces()[0].image) as image:
            self._portrait = np.asarray(image.convert("RGB").resize((512, 512)))
        self._files = whole_files(self._portrait, self._http.get(f"/api/avatars/{self._face}/file").content)
        for media_type in ("application/sdp", "application/trickle-ice-sdpfrag", "image/*"):
            schemathesis.serializer(media_type)(_as_bytes)
        schema: Any = schemathesis.openapi.from_url(f"{server.url}openapi.json")
        self._operations = [made.ok() for made in schema.get_all_operations()]
        self._modes = list(schemathesis.GenerationMode)
        self._ids: dict[str, str] = {}
        self.messages: deque[str] = deque(maxlen=MESSAGES_WAITING)
        """For the call that is held."""
        self._reader = FileReader()

    def know(self, call_id: str) -> None:
        """Let requests name what is there: the call with this id, its watch link, and a face."""
        link = str(self._http.get(f"/api/calls/{call_id}").json().get("whep", ""))
        self._ids = {"call_id": call_id, "token": link.rpartition("/")[2] or "none", "avatar_id": self._face}

    def turn(self) -> None:
        """Try some of every kind. Blocks."""
        self._some(self._request_strategy(), self._request)
        self._some(damaged_offers(), self._offer)
        for _ in range(MESSAGE_TURNS):
            self._some(messages, self.messages.append)
        for kind, files in self._files.items():
            self._some(damaged_one(files), partial(self._file, kind))

    def close(self) -> None:
        """End what it has started."""
        self._reader.__exit__(None, None, None)
        self._http.close()

    def _some(self, strategy: st.SearchStrategy[Any], trial: Callable[[Any], None]) -> None:
        @seed(self._chance.getrandbits(64))
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def tried(one: Any) -> None:
            trial(one)

        with contextlib.suppress(Unsatisfiable):  # nothing can be wrong where nothing is asked for
            tried()

    def _request_strategy(self) -> st.SearchStrategy[Any]:
        operation, mode = self._chance.choice(self._operations), self._chance.choice(self._modes)
        strategy: st.SearchStrategy[Any] = operation.as_strategy(generation_mode=mode)
        return strategy

    def _request(self, case: Any) -> None:
        kept = {"call_id"} if case.method.upper() == "DELETE" else set()  # the call that takes messages goes on
        for name, real in self._ids.items():
            if name in (case.path_parameters or {}) and name not in kept and self._chance.random() < REAL_IDS:
                case.path_parameters[name] = real
        kind = f"{case.method.upper()} {case.path}"
        try:
            status = case.call(timeout=30).status_code
        except OSError as error:  # what `requests` raises, its own errors among them
            self._findings.note(kind, "no answer", bad=self._server_is_silent(error), said=repr(error))
            return
        self._note_answer(kind, status, f"{case.as_curl_command()}")

    def _server_is_silent(self, error: OSError) -> bool:
        """Return whether an error is the server's fault: not where the client itself cannot send such a request."""
        del error
        try:
            return self._http.get("/healthz").status_code != 200
        except httpx2.HTTPError:
            return True

    def _offer(self, offer: str) -> None:
        headers = {"Content-Type": "application/sdp"}
        data = offer.encode("utf-8", "replace")
        answer = self._http.post(f"/whip?avatar={self._face}", content=data, headers=headers)
        self._note_answer("offers", answer.status_code, offer)
        if answer.status_code == 201:
            self._http.delete(answer.headers["location"])

    def _file(self, kind: str, file: tuple[str, bytes]) -> None:
        name, data = file
        path = self._folder / name
        path.write_bytes(data)
        outcome, said = self._reader.read(path)
        self._findings.note(f"{kind}, read", outcome, bad=outcome not in ("read", "refused"), said=said)
        if kind == "images":
            upload = {"photos": (name, io.BytesIO(data), "image/jpeg")}
            status = self._http.post("/api/avatars", files=upload).status_code
            self._note_answer("images, uploaded as photos", status, name)
            status = self._http.post(
                "/api/backgrounds", content=data, headers={"Content-Type": "image/png"}
            ).status_code
            self._note_answer("images, uploaded as backgrounds", status, name)

    def _note_answer(self, kind: str, status: int, sent: str) -> None:
        self._findings.note(kind, str(status), bad=status >= 500 and status not in (503, 507), said=sent)


def _as_bytes(_: Any, value: Any) -> bytes:
    """Serialise what is made for a body of ours: text or bytes, or anything else where it is to be wrong."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


async def measure(minutes: float, random_seed: int, found: Path | None) -> dict[str, float]:
    """Try for so long; return the figures."""
    findings = Findings()
    with ServerProcess(*SERVER) as server, tempfile.TemporaryDirectory(prefix="avatar-fuzz-") as folder:
        churn = Churn(server, Told())
        await churn.run(8)
        await churn.at_rest()
        fuzz = await asyncio.to_thread(Fuzz, server, findings, random_seed, Path(folder))
        try:
            await _for_minutes(fuzz, server, findings, minutes * WARM_SHARE)
            before = await churn.at_rest()
            memory = asyncio.create_task(_sampled_memory(server))
            lost = await _for_minutes(fuzz, server, findings, minutes * (1 - WARM_SHARE))
            memory.cancel()
            after = await churn.at_rest()
        finally:
            await asyncio.to_thread(fuzz.close)
        tracebacks = server.log().split("Traceback")[1:]
        alive = server.running
    for traceback in tracebacks[:MOST_SHOWN]:
        print(f"logged: Traceback{traceback[:LONGEST_SHOWN]}")
    return _figures(
        findings, before, after, await memory, lost=lost, failures_logged=len(tracebacks), alive=alive, found=found
    )


async def _for_minutes(fuzz: Fuzz, server: ServerProcess, findings: Findings, minutes: float) -> int:
    """Try for so long; return how many calls were lost."""
    until_s = time.monotonic() + 60 * minutes
    call = HeldCall(server, findings, fuzz.messages)
    holding = asyncio.create_task(call.run(until_s))
    await asyncio.to_thread(fuzz.know, await call.made)

    async def turns() -> None:
        while time.monotonic() < until_s and server.running:
            await asyncio.to_thread(fuzz.turn)

    work: list[Coroutine[Any, Any, None]] = [turns()]
    await asyncio.gather(holding, *work)
    return call.lost


async def _sampled_memory(server: ServerProcess) -> list[float]:
    """Return what the server took each second, MB, until this is cancelled: decoding lets it go up and down."""
    sampled: list[float] = []
    with contextlib.suppress(asyncio.CancelledError):
        while server.running:
            sampled.append(server.rss_mb())
            await asyncio.sleep(1.0)
    return sampled


def _figures(
    findings: Findings,
    before: Held,
    after: Held,
    memory_mb: list[float],
    *,
    lost: int,
    failures_logged: int,
    alive: bool,
    found: Path | None,
) -> dict[str, float]:
    by_kind: dict[str, Counter[str]] = {}
    for (kind, outcome), count in findings.tried.items():
        by_kind.setdefault(kind, Counter())[outcome] += count
    rows = [
        (kind, outcomes.total(), ", ".join(f"{outcome}: {count}" for outcome, count in sorted(outcomes.items())))
        for kind, outcomes in sorted(by_kind.items())
    ]
    report.table(("kind", "tried", "outcomes"), rows)
    for bad in findings.bad[:5]:
        print(f"found: {bad['kind']}: {bad['outcome']}")
    if found is not None:
        found.write_text(json.dumps(findings.bad, indent=2) + "\n")
    part = max(len(memory_mb) // 4, 1)
    errors = [one for one in findings.bad if one["outcome"].isdecimal()]
    return {
        "tried": float(findings.tried.total()),
        "server_errors": float(len(errors)),
        "failures": float(len(findings.bad) - len(errors) + (not alive)),
        "tracebacks_logged": float(failures_logged),
        "calls_lost": float(lost),
        "memory_growth_mb": report.median(memory_mb[-part:]) - report.median(memory_mb[:part]),
        "tasks_left": after.tasks - before.tasks,
        "threads_left": after.threads - before.threads,
        "descriptors_left": after.descriptors - before.descriptors,
    }


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--minutes", type=float, default=10.0, help="how long (default 10)")
    arguments.add_argument("--seed", type=int, default=0, help="decides what is tried (default 0)")
    arguments.add_argument("--found", type=Path, metavar="FILE", help="write down what was found; publish it nowhere")
    chosen = arguments.parse_args()
    # aiortc draws chance numbers beside the strategies, in its own thread; each time would be told, with all its bytes.
    warnings.filterwarnings("ignore", "Do not use the `random` module", HypothesisDeprecationWarning)
    report.finish(asyncio.run(measure(chosen.minutes, chosen.seed, chosen.found)), BARS, chosen.json)


if __name__ == "__main__":
    main()
