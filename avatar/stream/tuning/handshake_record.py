"""What a connection's DTLS handshake failed of. aiortc 1.16 swallows it; this listens on one connection's own objects.

`tests/stream/tuning/test_handshake_record.py` says in plain words which private part has gone when aiortc changes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiortc import RTCPeerConnection
from OpenSSL import SSL

from avatar.stream.tuning.aiortc_tuning import private_name
from avatar.stream.tuning.transport_tuning import transports

WRONG_FINGERPRINT: Final = "fingerprint mismatch"
NO_SRTP_PROFILE: Final = "no SRTP profile in common"


class HandshakeRecord:
    """Notes what ends a connection's DTLS handshakes. Used on the event loop only."""

    def __init__(self) -> None:
        self.error: str | None = None
        """OpenSSL's words for the first thing that went wrong, WRONG_FINGERPRINT or NO_SRTP_PROFILE; None: nothing."""
        self.began = False
        """Whether a handshake has begun, so that ICE has found a way."""

    def listen(self, connection: RTCPeerConnection) -> None:
        """Watch a connection's handshakes; call it when its transports are all there, before they start."""
        for dtls in transports(connection):
            name = private_name(dtls, "do_handshake")
            setattr(dtls, name, self._watched(dtls, getattr(dtls, name)))
            for check, failure in (("validate_peer_identity", WRONG_FINGERPRINT), ("setup_srtp", NO_SRTP_PROFILE)):
                name = private_name(dtls, check)
                setattr(dtls, name, self._checked(dtls, getattr(dtls, name), failure))

    def note(self, error: str) -> None:
        """Keep the first thing that goes wrong: what follows comes of it."""
        self.error = self.error or error

    def _watched(self, dtls: Any, handshake: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        async def watched_handshake() -> None:
            self.began = True
            connection = getattr(dtls, private_name(dtls, "ssl"))
            # aiortc drops the error of both: a handshake also goes on, and fails, while a record is read.
            connection.do_handshake = self._noting(connection, connection.do_handshake)
            connection.recv = self._noting(connection, connection.recv)
            try:
                await handshake()
            finally:
                del connection.do_handshake, connection.recv
            if dtls.state == "failed":
                # The alert that tells the peer why is still here.
                await getattr(dtls, private_name(dtls, "write_ssl"))()

        return watched_handshake

    def _noting(self, connection: Any, step: Callable[..., Any]) -> Callable[..., Any]:
        def step_noted(*args: Any) -> Any:
            try:
                return step(*args)
            except SSL.Error as error:
                if connection.get_state_string() == b"error":  # which no handshake goes on from
                    self.note(_words(error))
                raise

        return step_noted

    def _checked(self, dtls: Any, check: Callable[..., None], failure: str) -> Callable[..., None]:
        def checked(*args: Any) -> None:
            try:
                check(*args)
            except Exception as error:  # what the peer showed can be anything; aiortc would stand still
                self.note(f"the peer's certificate or keys cannot be read: {error}")
                state = getattr(dtls, private_name(dtls, "state"))
                dtls._set_state(type(state).FAILED)
            if dtls.state == "failed":
                self.note(failure)

        return checked


def _words(error: SSL.Error) -> str:
    """Return OpenSSL's own words: its errors are a list of (library, function, reason)."""
    entries = error.args[0] if error.args else []
    reasons = [entry[-1] for entry in entries if isinstance(entry, tuple) and entry and entry[-1]]
    return "; ".join(map(str, reasons)) or "without a reason"
