"""/api/avatars: list, upload, preview, download and remove avatars."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Path, Request, Response

from avatar.config import LimitSettings
from avatar.errors import AvatarError
from avatar.identities.library import AvatarLibrary
from avatar.identities.live_checks import LiveChecks
from avatar.identities.made_avatar import PREVIEW_SIZE, AvatarInfo
from avatar.server.access import grant_of, require_avatar
from avatar.server.audit import note
from avatar.server.bodies import read_photo_form
from avatar.server.metrics import Metrics
from avatar.server.schemas import AvatarAnswer, AvatarsAnswer, problems
from avatar.server.uploads import described_photo_form, upload_places
from avatar.server.visitors import visitor_of
from avatar.trust.consent import CLAIMS

AvatarId = Annotated[str, Path(max_length=64, description="An avatar's id.")]

_UPLOAD_FORM: Final = described_photo_form(
    name={"type": "string"},
    consent={
        "type": "string",
        "enum": list(CLAIMS),
        "description": "Whose face it is: one's own, somebody's who has agreed, or no real person's; `live`: one's "
        "own, as a check before the camera has found. Signed, and kept with the avatar.",
    },
    check={"type": "string", "description": "Of `live`: the check's id (`/api/live-checks`)."},
)
_UNKNOWN: Final = {404: "No such avatar (any more): `unknown_avatar`."}
_PREVIEW_CACHE: Final = {"Cache-Control": "private, max-age=300"}


def avatar_routes(
    library: AvatarLibrary, limits: LimitSettings, metrics: Metrics, live_checks: LiveChecks | None = None
) -> APIRouter:
    """Return the routes. `live_checks` knows whom a check before the camera has found; None: there is none."""
    router = APIRouter(prefix="/api/avatars", tags=["avatars"])
    places = upload_places()

    @router.get("")
    async def list_avatars() -> AvatarsAnswer:
        """List the avatars everybody may use. Uploaded ones are known only to who has their id."""
        return AvatarsAnswer(avatars=[_answer(info) for info in library.listed()])

    @router.post(
        "",
        status_code=201,
        openapi_extra=_UPLOAD_FORM,
        responses=problems(
            {
                400: "What `consent` says cannot be: `bad_consent`.",
                401: "A token is needed.",
                403: "It is not said whose face it is, and this server asks for it: `consent_required`. No check "
                "before the camera belongs to these photos: `not_checked`.",
                413: "Too large: `too_many_bytes`, `too_many_pixels`, `too_many_photos`.",
                415: "Not photos: `not_an_image`, `wrong_type`.",
                422: "The photo will not do: `no_face`, `several_faces`, `face_too_small`, `face_turned`, "
                "`image_too_small`, `animated_image`, `truncated_image`.",
                503: "Too many uploads wait; Retry-After says when to come back.",
            }
        ),
    )
    async def add_avatar(request: Request, response: Response) -> AvatarAnswer:
        """Make an avatar from one or more photos of one person. Takes about a second.

        The id in the answer cannot be guessed: whoever holds it may use, download and remove the avatar.
        """
        try:
            visitor = visitor_of(request)
            with places.taken_by(visitor):
                form = await read_photo_form(request, limits)
                note(request, photos=len(form.photos))
                likeness = None
                if form.check is not None and live_checks is not None:
                    likeness = live_checks.take(form.check, form.photos)
                info = await library.add(
                    form.photos, form.name, visitor=visitor, consent=form.consent, likeness=likeness
                )
        except AvatarError as error:
            metrics.uploads.labels(error.code).inc()
            raise
        metrics.uploads.labels("ok").inc()
        note(request, consent=info.consent)
        response.headers["Location"] = f"/api/avatars/{info.id}"
        return _answer(info)

    @router.get("/{avatar_id}", responses=problems(_UNKNOWN))
    async def get_avatar(avatar_id: AvatarId) -> AvatarAnswer:
        """Return one avatar."""
        await library.fetch(avatar_id)
        return _answer(library.info(avatar_id))

    @router.delete(
        "/{avatar_id}", status_code=204, responses=problems({**_UNKNOWN, 405: "Not an upload: `not_removable`."})
    )
    async def remove_avatar(avatar_id: AvatarId) -> None:
        """Forget an uploaded avatar. Calls that use it now keep it until they end."""
        await library.remove(avatar_id)

    @router.get(
        "/{avatar_id}/preview.jpg",
        response_class=Response,
        responses={200: {"content": {"image/jpeg": {}}}, **problems(_UNKNOWN)},
    )
    async def preview(avatar_id: AvatarId) -> Response:
        """Return a picture of the avatar at rest."""
        return Response(await library.preview(avatar_id), media_type="image/jpeg", headers=_PREVIEW_CACHE)

    @router.get(
        "/{avatar_id}/file",
        response_class=Response,
        responses={
            200: {"content": {"application/octet-stream": {}}},
            **problems(
                {401: "A token is needed.", 403: "The token does not allow this: `insufficient_scope`.", **_UNKNOWN}
            ),
        },
    )
    async def download(avatar_id: AvatarId, request: Request) -> Response:
        """Return the avatar as an `.avatar` file, for `avatar render` or another server."""
        require_avatar(grant_of(request), avatar_id)
        await library.fetch(avatar_id)
        name = library.info(avatar_id).name or "avatar"
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}.avatar"}
        return Response(await library.file(avatar_id), media_type="application/octet-stream", headers=headers)

    return router


def _answer(info: AvatarInfo) -> AvatarAnswer:
    return AvatarAnswer(
        id=info.id,
        name=info.name,
        kind=info.kind,
        preview=f"/api/avatars/{info.id}/preview.jpg",
        width=PREVIEW_SIZE,
        height=PREVIEW_SIZE,
        warnings=list(info.warnings),
        consent=info.consent,
    )
