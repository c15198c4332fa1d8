"""WHIP client of a program: an SDP offer goes to the server, its answer comes back, and each refusal is an error type.

Blocking, so call it in a thread.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode, urlsplit

from avatar.config import Background, LimitSettings, PictureSettings
from avatar.errors import (
    AvatarError,
    RoomFullError,
    ServerFullError,
    ServerGoneError,
    TokenError,
    TooManyRequestsError,
    UnknownAvatarError,
)
from avatar.generator.background import background_bytes
from avatar.identities.backgrounds import background_of
from avatar.stream.ice_servers import IceServer, read_ice_server

ANSWER_BYTES: Final = 65_536
"""A longer answer is none of a server of ours."""
TIMEOUT_S: Final = 15.0
END_TIMEOUT_S: Final = 3.0
LONGEST_RETRY_S: Final = 3600
MOST_ICE_SERVERS: Final = 16
"""That are looked at; WebRTC here uses the first STUN and the first TURN server of them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The server's answer to an offer: a call that has begun."""

    sdp: str
    location: str
    """The call's path on the server; whoever knows it may end the call."""


class WhipClient:
    """Makes and ends calls on one server. Redirects are not followed: a token goes to the server it is meant for."""

    def __init__(self, url: str, token: str | None = None, *, plain_http: bool = False) -> None:
        """Use the server at `url`, such as https://host:8010.

        Args:
            url: https, or http where the server is on this machine.
            token: sent to it and to nobody else.
            plain_http: http to another machine will do, though anybody on the way can read the token.

        Raises:
            ServerGoneError: it is no such address.
            AvatarError: http to another machine, code `insecure_url`.
            TokenError: the token cannot be sent.
        """
        try:
            parts = urlsplit(url)
            self._port = parts.port
        except ValueError as error:
            raise ServerGoneError(f"{url!r} is no address of a server: {error}.") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ServerGoneError(f"{url!r} is no address of a server: give one such as https://host:8010.")
        if token is not None and not (token.isascii() and token.isprintable()):
            raise TokenError("The token holds characters that cannot be sent: plain ASCII can be.")
        self._host, self._secure, self._root = parts.hostname, parts.scheme == "https", parts.path.rstrip("/")
        self._shown = parts.netloc.rpartition("@")[2]
        """The server as messages name it."""
        self.on_this_machine = _is_loopback(parts.hostname)
        if not (self._secure or self.on_this_machine or plain_http):
            raise AvatarError(
                f"http to {parts.hostname} can be read and changed on the way: use https, or accept that "
                "(plain_http=True; of a command: --plain-http).",
                code="insecure_url",
            )
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    def offer(self, sdp: str, wanted: Mapping[str, str | int]) -> Answer:
        """Send an offer of the call that is `wanted`, by the names in docs/protocol.md, and return the answer.

        Raises:
            TokenError, ServerFullError, UnknownAvatarError: the server refuses, and says why.
            ServerGoneError: it does not answer, or not as a server of ours does, or its certificate is not trusted.
            AvatarError: any other refusal, with the server's code.
        """
        return self._offer(f"/whip?{urlencode(wanted)}", sdp)

    def watch(self, sdp: str, address: str) -> Answer:
        """Send an offer that receives to a WHEP address of this server, and return the answer. Raises as `offer`."""
        if not address.startswith("/whep/"):
            raise ServerGoneError("The server names an address that is none of its calls.")
        return self._offer(address, sdp)

    def _offer(self, address: str, sdp: str) -> Answer:
        path = self._root + address
        status, headers, body = self._request("POST", path, sdp.encode(), {"Content-Type": "application/sdp"})
        location = headers.get("Location", "")
        if status != 201:
            raise refusal(status, headers.get("Retry-After", ""), body)
        if not location.startswith("/"):
            raise ServerGoneError("The server's answer does not say where the call is.")
        return Answer(body.decode("utf-8", "replace"), location)

    def ice_servers(self) -> tuple[IceServer, ...]:
        """Return the STUN and TURN servers that the server names for a call that is made now; their names may expire.

        Raises ServerGoneError, and AvatarError for a server that cannot be used.
        """
        status, headers, body = self._request("GET", f"{self._root}/api/config", None, {})
        if status != 200:
            raise refusal(status, headers.get("Retry-After", ""), body)
        try:
            named = [
                (one["urls"], one.get("username"), one.get("credential")) for one in json.loads(body)["ice_servers"]
            ]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ServerGoneError(f"The server {self._shown} does not answer as a server of avatars does.") from error
        return tuple(
            replace(read_ice_server(str(url)), username=name and str(name), credential=password and str(password))
            for url, name, password in named[:MOST_ICE_SERVERS]
        )

    def name_background(self, background: Background) -> str:
        """Return what a call asks for to have this behind its avatar; a picture is sent first.

        Raises:
            ImageError: the picture cannot be used; the server may say so too.
            TokenError, ServerFullError, ServerGoneError, AvatarError: the server refuses it, or does not answer.
        """
        if background.kind != "picture":
            return str(background)
        data = background_of(background_bytes(background), LimitSettings()).data
        status, headers, body = self._request(
            "POST", f"{self._root}/api/backgrounds", data, {"Content-Type": "image/jpeg"}
        )
        if status != 201:
            raise refusal(status, headers.get("Retry-After", ""), body)
        try:
            return str(json.loads(body)["id"])[:64]
        except (ValueError, KeyError, TypeError) as error:
            raise ServerGoneError(f"The server {self._shown} does not answer as a server of avatars does.") from error

    def name_picture(self, picture: PictureSettings) -> dict[str, str | int]:
        """Return what a call asks for to have such pictures, by the names of `offer`. Raises as `name_background`."""
        named: dict[str, str | int] = {"width": picture.width, "height": picture.height, "fps": picture.fps}
        if picture.background.kind != "keep":  # else it is the server's to choose
            named["background"] = self.name_background(picture.background)
        return named

    def is_gone(self, answer: Answer) -> bool:
        """Return whether the server says that there is no such call any more; no answer says nothing."""
        try:
            status, _, _ = self._request("GET", self._root + answer.location, None, {})
        except AvatarError:
            return False
        return status == 404

    def end(self, answer: Answer) -> None:
        """End a call; one that has ended already is fine. Raises ServerGoneError, AvatarError."""
        status, headers, body = self._request("DELETE", self._root + answer.location, None, {})
        if status not in (200, 404):
            raise refusal(status, headers.get("Retry-After", ""), body)

    def _request(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=TIMEOUT_S if method == "POST" else END_TIMEOUT_S)
        try:
            connection.request(method, path, body, {**self._headers, **headers})
            response = connection.getresponse()
            answer = response.read(ANSWER_BYTES + 1)
        except ssl.SSLCertVerificationError as error:
            raise ServerGoneError(
                f"The server {self._shown} answers, but its certificate is not trusted: {error.verify_message}. If it "
                "comes from a CA of your own, name your CA's file in the environment as SSL_CERT_FILE."
            ) from error
        except ssl.SSLError as error:
            raise ServerGoneError(
                f"The server {self._shown} does not answer as https asks ({error.reason}): one that was started "
                "without a certificate is at http://."
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise ServerGoneError(f"The server {self._shown} does not answer: {error}.") from error
        finally:
            connection.close()
        if len(answer) > ANSWER_BYTES:
            raise ServerGoneError(f"The server {self._shown} answers with more than {ANSWER_BYTES} bytes.")
        return response.status, response.headers, answer


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refusal(status: int, retry_after: str, body: bytes) -> AvatarError:
    """Return the error that a server's problem+json answer stands for."""
    try:
        problem = json.loads(body)
        code, detail = str(problem["code"])[:64], str(problem["detail"])[:1000]
    except (ValueError, KeyError, TypeError):
        return ServerGoneError(f"The server answers {status}, and not as a server of avatars does.")
    wait_s = min(int(retry_after), LONGEST_RETRY_S) if retry_after.isdecimal() else 10
    match code:
        case "unauthorized" | "insufficient_scope":
            return TokenError(detail)
        case "unknown_avatar":
            return UnknownAvatarError(detail)
        case "server_full" | "room_full" | "replica_lost" | "store_gone":
            return (RoomFullError if code == "room_full" else ServerFullError)(detail, retry_after_s=wait_s)
        case "too_many_requests" | "too_many_calls":
            return TooManyRequestsError(detail, retry_after_s=wait_s, code=code)
    return AvatarError(detail, code=code)
