"""What a server tells of its requests and calls to its operator: an audit log, and OpenTelemetry."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from starlette.testclient import TestClient

from avatar.call.totals import CallsSnapshot
from avatar.config import LimitSettings, ServerSettings, TrustSettings
from avatar.identities.library import AvatarLibrary
from avatar.media.recording import RecordingState
from avatar.server.access import ACCESS
from avatar.server.app import create_app
from avatar.server.audit import ACTS, Audit, AuditMiddleware, note
from avatar.server.telemetry import Telemetry, TelemetryMiddleware
from avatar.trust.audit_log import Addresses, AuditLog, reference


class FakeCalls:
    """The calls of a server that holds none."""

    async def watchers(self, _: str) -> None:
        return None

    def __contains__(self, _: str) -> bool:
        return False

    def expect_another(self) -> None:
        pass

    def snapshot(self) -> CallsSnapshot:
        return snapshot()

    async def close(self) -> None:
        pass


@dataclass
class Running:
    """Calls that run."""

    ids: set[str]

    def __contains__(self, call_id: str) -> bool:
        return call_id in self.ids


@pytest.fixture
def application() -> FastAPI:
    router = APIRouter()

    @router.post("/whip")
    async def offer(request: Request, room: str = "") -> Response:
        note(request, mode="avatar", in_room=bool(room))
        return Response(status_code=201, headers={"Location": "/whip/call-secret"})

    @router.get("/healthz")
    async def health() -> Response:
        return Response(status_code=204)

    app = FastAPI()
    app.include_router(router)
    return app


def entries(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        yield json.loads(line)


def test_calls_are_told_from_their_beginning_to_their_end_and_nothing_secret_is(
    application: FastAPI, tmp_path: Path
) -> None:
    running, now_s, path = Running({"call-secret"}), 100.0, tmp_path / "audit.jsonl"
    audit = Audit(AuditLog(path), Addresses("shortened"), running.__contains__, clock=lambda: now_s)
    application.add_middleware(AuditMiddleware, audit=audit)
    with TestClient(application, client=("203.0.113.77", 5)) as client:
        client.post("/whip?room=room-secret", headers={"Authorization": "Bearer word-secret"}, content=b"v=0 content")
        client.get("/healthz")
    audit.observe_calls()
    running.ids.clear()
    now_s = 112.34
    audit.observe_calls()
    audit.close()
    began, ended = entries(path)
    assert (began["what"], began["status"], began["address"]) == ("call.began", 201, "203.0.113.0/24")
    assert began["call"] == ended["call"] == reference("call-secret")
    assert began["in_room"] is True and began["mode"] == "avatar"
    assert (ended["what"], ended["seconds"]) == ("call.ended", 12.3)
    assert "secret" not in path.read_text() and "content" not in path.read_text()


@pytest.mark.anyio
async def test_a_recording_that_nobody_ends_is_told_to_have_ended(tmp_path: Path) -> None:
    running, now_s, path = Running({"dropped", "full", "asked"}), 0.0, tmp_path / "audit.jsonl"
    audit = Audit(AuditLog(path), Addresses("none"), running.__contains__, clock=lambda: now_s)

    def asked(method: str, status: int, call_id: str, file: str) -> None:
        route = APIRouter()
        route.add_api_route("/api/calls/{call_id}/recording", lambda: None, methods=[method])
        scope = {"method": method, "path": "", "route": route.routes[0], "path_params": {"call_id": call_id}}
        audit.request({**scope, "audit": {"file": file}}, status, None)

    async def recording_of(call_id: str) -> RecordingState | None:
        why = "There is no room." if call_id == "full" and now_s >= 3.0 else None
        return RecordingState(Path("x.mp4"), now_s, 1, 0, ended=why is not None, failure=why)

    for call_id in ("dropped", "full", "asked"):
        asked("POST", 201, call_id, f"{call_id}.mp4")
    asked("POST", 409, "dropped", "other.mp4")
    now_s = 2.0
    asked("DELETE", 200, "asked", "asked.mp4")
    for now_s, runs in ((3.0, {"dropped", "full"}), (4.0, {"full"}), (5.0, set())):  # noqa: B007 - read by the clock
        running.ids = runs
        await audit.observe_recordings(recording_of)
        audit.observe_calls()
    audit.close()
    ended = [entry for entry in entries(path) if entry["what"] == "recording.ended"]
    assert [(entry["file"], entry.get("seconds"), entry.get("failed")) for entry in ended] == [
        ("asked.mp4", None, None), ("full.mp4", 3.0, True), ("dropped.mp4", 4.0, None),
    ]  # fmt: skip


def test_every_act_is_an_address_that_there_is() -> None:
    assert ACTS.keys() <= ACCESS.keys()


def snapshot(active: int = 2) -> CallsSnapshot:
    return CallsSnapshot(
        active=active, limit=4, started=7, refused=1, ended={}, pictures_sent=90, camera_frames=80,
        picture_bytes_sent=1000, packets_dropped={}, latest=(), watchers=3, rooms=1, call_cores=0.5, workers=0,
    )  # fmt: skip


def test_traces_and_metrics_name_routes_and_no_addresses(application: FastAPI) -> None:
    pytest.importorskip("opentelemetry.sdk.metrics", reason="pip install 'avatar[telemetry]'")
    tracing = importlib.import_module("opentelemetry.sdk.trace.export")
    spans = importlib.import_module("opentelemetry.sdk.trace.export.in_memory_span_exporter").InMemorySpanExporter()
    metrics = importlib.import_module("opentelemetry.sdk.metrics.export").InMemoryMetricReader()
    telemetry = Telemetry(snapshot, tracing.SimpleSpanProcessor(spans), metrics)
    application.add_middleware(TelemetryMiddleware, telemetry=telemetry, clock=iter(range(100)).__next__)
    with TestClient(application) as client:
        client.post("/whip?room=room-secret")
        client.get("/nowhere/secret")
    telemetry.observe_calls()
    first, second = spans.get_finished_spans()
    assert (first.name, second.name) == ("POST /whip", "GET other")
    assert dict(first.attributes or {})["http.response.status_code"] == 201
    data = json.loads(metrics.get_metrics_data().to_json())
    found = {
        metric["name"]: metric["data"]["data_points"][0].get("value")
        for metric in data["resource_metrics"][0]["scope_metrics"][0]["metrics"]
    }
    assert (found["avatar.calls.active"], found["avatar.calls.started"], found["avatar.pictures.sent"]) == (2, 7, 90)
    assert "http.server.request.duration" in found
    assert "secret" not in json.dumps(data) + "".join(span.to_json() for span in (first, second))
    telemetry.close()


def test_telemetry_is_not_loaded_where_nobody_asks_for_it() -> None:
    program = "import sys, avatar.server.app; print('opentelemetry.sdk' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_server_with_an_audit_log_writes_it_and_ends_it(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    settings = ServerSettings(
        trust=TrustSettings(audit_log=path), limits=LimitSettings(upload_bytes=10_000), token_secret="s" * 40
    )
    library = AvatarLibrary((), settings.limits)
    with TestClient(create_app(settings, library, FakeCalls()), base_url="http://127.0.0.1") as client:
        assert client.post("/api/avatars", files={"photos": b"x"}).status_code == 401
    assert [(entry["what"], entry["status"]) for entry in entries(path)] == [("avatar.enrolled", 401)]
    assert not [thread.name for thread in threading.enumerate() if "_monitor" in thread.name], "its thread has ended"
