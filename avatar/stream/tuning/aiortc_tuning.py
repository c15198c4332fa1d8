"""Touches of aiortc's private parts: how all are made, and those that concern a connection as a whole.

Each touch is of one connection's own objects. Nothing changes a module or a class: a second connection in the same
process, or another user of aiortc, is not affected. aiortc is pinned to the version this was written for; each touch
first checks that the private part is there, and `tests/stream` says in plain words which one has gone when aiortc
changes. Receivers are tuned by `receiver_tuning`, senders by `sender_tuning`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, cast

from aiortc import InvalidStateError, RTCPeerConnection, RTCRtpTransceiver
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from avatar.stream.codecs.video_encoder import CodecName

LOOPBACK: Final = "127.0.0.1"


class AiortcChangedError(RuntimeError):
    """aiortc is not the version this file was written for."""


def private_name(owner: object, name: str) -> str:
    """Return the attribute name behind `owner`'s private `name`. Raises AiortcChangedError when there is none."""
    class_name = type(owner).__name__
    for candidate in (f"_{class_name}__{name}", f"_{name}", name):
        if hasattr(owner, candidate):
            return candidate
    raise AiortcChangedError(
        f"aiortc has changed: {class_name} no longer has '{name}'. Install the version pinned in pyproject.toml, "
        "or adapt the parts of avatar/stream/ that ask for it."
    )


def negotiated_video_codec(transceiver: RTCRtpTransceiver) -> CodecName:
    """Return what a transceiver will send, once the offer has been read: aiortc takes the first codec of its list."""
    codecs = getattr(transceiver, private_name(transceiver, "codecs"))
    return "h264" if codecs[0].mimeType.lower() == "video/h264" else "vp8"


def negotiated_audio_codec(transceiver: RTCRtpTransceiver) -> RTCRtpCodecParameters:
    """Return what a transceiver of sound will send, once the offer has been read."""
    codecs = getattr(transceiver, private_name(transceiver, "codecs"))
    return cast(RTCRtpCodecParameters, codecs[0])


def tolerate_early_close(connection: RTCPeerConnection) -> None:
    """Let this connection be closed while it is still being made; call it before any description is set."""
    # aiortc connects in a task nobody holds, which then fails with an error that only the event loop gets to see.
    name = private_name(connection, "connect")
    connect = cast(Callable[[], Awaitable[None]], getattr(connection, name))

    async def connect_unless_closed() -> None:
        try:
            await connect()
        except InvalidStateError:
            if connection.connectionState != "closed":
                raise

    setattr(connection, name, connect_unless_closed)


def gather_loopback_only(connection: RTCPeerConnection) -> None:
    """Make this connection offer 127.0.0.1 and nothing else; call it before `setLocalDescription`."""
    keep_to_loopback(ice_agents(connection))


def keep_to_loopback(agents: Iterable[Any]) -> None:
    """Make these ICE agents offer 127.0.0.1 and nothing else; call it before addresses are gathered."""
    _gather(agents, lambda _: [LOOPBACK])


def gather_loopback_too(connection: RTCPeerConnection) -> None:
    """Make this connection offer 127.0.0.1 besides its other addresses; call it before `setLocalDescription`."""
    _gather(ice_agents(connection), lambda addresses: [*addresses, LOOPBACK])


def ice_agents(connection: RTCPeerConnection) -> list[Any]:
    """Return the aioice connections that a connection has now."""
    gatherers = [ice.iceGatherer for ice in getattr(connection, private_name(connection, "iceTransports"))]
    return [getattr(gatherer, private_name(gatherer, "connection")) for gatherer in gatherers]


def _gather(agents: Iterable[Any], choose: Callable[[list[str]], list[str]]) -> None:
    # aioice leaves the loopback address out, in a module function; the method it hands the addresses to is replaced on
    # these agents themselves.
    for agent in agents:
        gather = cast(Callable[..., Awaitable[Any]], getattr(agent, private_name(agent, "get_component_candidates")))
        agent.get_component_candidates = _at(gather, choose)


def _at(
    gather: Callable[..., Awaitable[Any]], choose: Callable[[list[str]], list[str]]
) -> Callable[..., Awaitable[Any]]:
    def gather_at(component: int, addresses: list[str], timeout: int = 5) -> Awaitable[Any]:
        return gather(component=component, addresses=choose(addresses), timeout=timeout)

    return gather_at
