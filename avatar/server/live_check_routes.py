"""/api/live-checks: is who sends photos the person in them, and before a camera now?"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from avatar.config import LimitSettings
from avatar.identities.live_checks import PICTURE_BYTES, LiveChecks, Progress
from avatar.server.audit import note
from avatar.server.bodies import read_photo_form
from avatar.server.schemas import LiveCheckAnswer, problems
from avatar.server.uploads import described_photo_form, described_picture, read_picture, upload_places
from avatar.server.visitors import visitor_of
from avatar.trust.live_check import ASKED

CheckId = Annotated[str, Path(max_length=64, description="A check's id.")]


def live_check_routes(checks: LiveChecks, limits: LimitSettings) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api/live-checks", tags=["avatars"])
    places = upload_places()

    @router.post(
        "",
        status_code=201,
        openapi_extra=described_photo_form(),
        responses=problems(
            {
                401: "A token is needed.",
                413: "Too large: `too_many_bytes`, `too_many_pixels`, `too_many_photos`.",
                415: "Not photos: `not_an_image`, `wrong_type`.",
                422: "The photos will not do, as of `POST /api/avatars`; or they are of different people: "
                "`other_person`.",
                503: "Too many are being checked; Retry-After says when to come back.",
            }
        ),
    )
    async def begin_check(request: Request, response: Response) -> LiveCheckAnswer:
        """Begin to check that whoever sends photos is the person in them.

        Send pictures of their camera next; when the check has succeeded, send the same photos to `POST /api/avatars`
        with `consent` = `live` and this id as `check`, within ten minutes.
        """
        visitor = visitor_of(request)
        with places.taken_by(visitor):
            form = await read_photo_form(request, limits)
            note(request, photos=len(form.photos))
            progress = await checks.begin(form.photos, visitor=visitor)
        response.headers["Location"] = f"/api/live-checks/{progress.id}"
        return _answer(progress)

    @router.post(
        "/{check_id}/pictures",
        openapi_extra=described_picture("image/jpeg"),
        responses=problems(
            {
                404: "No such check (any more): `unknown_check`.",
                413: f"Too large: more than {PICTURE_BYTES:,} bytes, or a million pixels.",
                415: "Not a picture: `not_an_image`, `wrong_type`.",
                422: "A picture that will not do: `image_too_small`, `animated_image`, `truncated_image`.",
                429: "The last picture is still being looked at: `too_many_requests`.",
                503: "Looking at it failed: `likeness_failed`.",
            }
        ),
    )
    async def look(request: Request, check_id: CheckId) -> LiveCheckAnswer:
        """Show a check a picture of the camera, and learn what to do next: the body is the file.

        About ten a second are wanted, the next one when the last was answered. They are looked at and forgotten.
        """
        with places.taken_by(visitor_of(request)):
            picture = await read_picture(request, PICTURE_BYTES)
            return _answer(await checks.look(check_id, picture))

    @router.delete("/{check_id}", status_code=204)
    async def end_check(check_id: CheckId) -> None:
        """Forget a check, if there is one."""
        checks.remove(check_id)

    return router


def _answer(progress: Progress) -> LiveCheckAnswer:
    check = progress.check
    return LiveCheckAnswer(
        id=progress.id,
        phase=check.phase,
        gesture=check.gesture,
        hint=check.hint,
        reason=check.reason,
        done=check.done,
        needed=ASKED,
        seconds_left=round(progress.seconds_left, 1),
    )
