"""/api/backgrounds: pictures that visitors put behind their avatar."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response

from avatar.config import LimitSettings
from avatar.identities.backgrounds import BackgroundLibrary
from avatar.server.schemas import BackgroundAnswer, problems
from avatar.server.uploads import described_picture, read_picture, upload_places
from avatar.server.visitors import visitor_of

BackgroundId = Annotated[str, Path(max_length=64, description="A background's id.")]

_UNKNOWN: Final = {404: "No such background (any more): `unknown_background`."}


def background_routes(library: BackgroundLibrary, limits: LimitSettings) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api/backgrounds", tags=["backgrounds"])
    places = upload_places()

    @router.post(
        "",
        status_code=201,
        openapi_extra=described_picture("image/*"),
        responses=problems(
            {
                401: "A token is needed.",
                413: "Too large: `too_many_bytes`, `too_many_pixels`.",
                415: "Not a picture: `not_an_image`, `wrong_type`.",
                422: "The picture will not do: `image_too_small`, `animated_image`, `truncated_image`.",
                503: "Too many uploads wait; Retry-After says when to come back.",
            }
        ),
    )
    async def add_background(request: Request, response: Response) -> BackgroundAnswer:
        """Keep a picture (JPEG, PNG, WebP, BMP, GIF) to be put behind an avatar: the body is the file.

        The id in the answer, which cannot be guessed, is what a call asks for. The oldest pictures are forgotten.
        """
        visitor = visitor_of(request)
        with places.taken_by(visitor):
            picture = await read_picture(request, limits.upload_bytes)
            background_id = await library.add(picture, visitor=visitor)
        response.headers["Location"] = f"/api/backgrounds/{background_id}"
        return BackgroundAnswer(id=background_id)

    @router.delete("/{background_id}", status_code=204, responses=problems(_UNKNOWN))
    async def remove_background(background_id: BackgroundId) -> None:
        """Forget a picture. Calls that show it keep it until they end."""
        await library.remove(background_id)

    return router
