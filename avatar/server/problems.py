"""Every error answer has one shape: application/problem+json (RFC 9457) with a stable `code`."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from avatar.errors import AvatarError, ServerFullError
from avatar.server.methods import allowed_methods

MEDIA_TYPE: Final = "application/problem+json"

_STATUS_OF_CODE: Final[Mapping[str, int]] = {
    "bad_request": 400,
    "bad_offer": 400,
    "bad_fragment": 400,
    "bad_size": 400,
    "bad_rate": 400,
    "bad_mode": 400,
    "bad_drive": 400,
    "bad_room": 400,
    "bad_background": 400,
    "bad_message": 400,
    "unauthorized": 401,
    "bad_consent": 400,
    "consent_required": 403,
    "foreign_origin": 403,
    "recording_off": 403,
    "insufficient_scope": 403,
    "rooms_off": 403,
    "gateway_only": 403,
    "unknown_avatar": 404,
    "unknown_background": 404,
    "unknown_check": 404,
    "not_checked": 403,
    "other_person": 422,
    "likeness_missing": 503,
    "likeness_failed": 503,
    "unknown_call": 404,
    "not_removable": 405,
    "watch_taken": 409,
    "busy": 409,
    "no_common_codec": 406,
    "request_timeout": 408,
    "recording_runs": 409,
    "stale_tag": 412,
    "tag_needed": 428,
    "too_many_bytes": 413,
    "message_too_large": 400,
    "too_many_pixels": 413,
    "too_many_photos": 413,
    "wrong_type": 415,
    "unknown_host": 421,
    "not_an_image": 415,
    "truncated_image": 422,
    "animated_image": 422,
    "image_too_small": 422,
    "no_face": 422,
    "unknown_cue": 400,
    "several_faces": 422,
    "face_too_small": 422,
    "face_turned": 422,
    "bad_identity_file": 422,
    "too_many_requests": 429,
    "too_many_calls": 429,
    "server_full": 503,
    "room_full": 503,
    "store_gone": 503,
    "replica_lost": 503,
    "recording_failed": 507,
    "model_missing": 503,
}
_PATTERNS: Final[Mapping[str, str]] = {"^[A-Za-z0-9_-]{16,64}$": "16 to 64 letters, digits, - or _ are needed"}
"""What an address's parts have to be like, in words."""
_FRAMEWORK: Final[Mapping[int, tuple[str, str]]] = {
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not take this method; the Allow header names those it takes."),
}


class RequestError(AvatarError):
    """A request that is not what this address takes: its type, its size, its credentials, its parameters."""

    code = "bad_request"


def problem(status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error answer."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, "code": code}
    return JSONResponse(body, status, headers=headers, media_type=MEDIA_TYPE)


def problem_of(error: AvatarError) -> Response:
    """Return the answer for an error this package raised."""
    status = _STATUS_OF_CODE.get(error.code, 500)
    headers: dict[str, str] = {}
    if isinstance(error, ServerFullError):
        headers["Retry-After"] = str(error.retry_after_s)
    if error.code == "not_removable":
        headers["Allow"] = "GET, HEAD, OPTIONS"
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.code == "insufficient_scope":  # RFC 6750, 3.1
        headers["WWW-Authenticate"] = 'Bearer error="insufficient_scope"'
    return problem(status, error.code, str(error), headers)


def answer_errors_as_problems(app: FastAPI) -> None:
    """Make `app` answer each error, its own and the framework's, as problem+json."""

    async def of_avatar(_: Request, error: Exception) -> Response:
        assert isinstance(error, AvatarError)  # noqa: S101  (registered for this type)
        return problem_of(error)

    async def of_framework(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        code, detail = _FRAMEWORK.get(error.status_code, ("error", str(error.detail)))
        headers = dict(error.headers or {})
        if error.status_code == 405:  # the framework names the methods of one route only
            headers["Allow"] = ", ".join(allowed_methods(app.routes, request.scope))
        return problem(error.status_code, code, detail, headers)

    async def of_validation(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        found = (f"{'.'.join(map(str, item['loc'][1:]))}: {_in_words(item)}" for item in error.errors())
        return problem(400, "bad_request", "; ".join(found))

    async def of_bug(_: Request, __: Exception) -> Response:
        return problem(500, "internal_error", "Something failed in the server; its log says what.")

    app.add_exception_handler(AvatarError, of_avatar)
    app.add_exception_handler(HTTPException, of_framework)
    app.add_exception_handler(RequestValidationError, of_validation)
    app.add_exception_handler(Exception, of_bug)


def _in_words(found: Mapping[str, Any]) -> str:
    """Say what is wrong with one parameter, as pydantic found it."""
    if found["type"] == "missing":
        return "it is needed and was not given"
    return _PATTERNS.get(found.get("ctx", {}).get("pattern", ""), str(found["msg"]))
