"""The JSON values of the HTTP interface."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from avatar.server.problems import MEDIA_TYPE


class AvatarAnswer(BaseModel):
    """An avatar, as listed."""

    id: str
    name: str
    kind: Literal["builtin", "uploaded"]
    preview: str = Field(description="Address of a JPEG picture.")
    width: int = Field(description="Pixels of the preview picture.")
    height: int
    warnings: list[str] = Field(
        default_factory=list,
        description="What is wrong with the photos of an upload, though an avatar could be made: sentences for people.",
    )
    consent: str | None = Field(
        default=None,
        description="What is stated of whose face it is: `self`, `permitted`, `nobody` (no real person's), "
        "`live` (found by a check before the camera) or nothing.",
    )


class AvatarsAnswer(BaseModel):
    """The avatars everybody may use."""

    avatars: list[AvatarAnswer]


class LiveCheckAnswer(BaseModel):
    """How far a check before the camera is."""

    id: str
    phase: Literal["look", "gesture", "passed", "refused"] = Field(
        description="The face is to look ahead, or to do what is asked; or it is over."
    )
    gesture: str | None = Field(
        description="What is asked for: `turn_left`, `turn_right` (the person's own), `close_eyes` or `open_mouth`."
    )
    hint: str = Field(
        description="What keeps the face from being looked at: `no_face`, `several_faces`, `too_far`, `cut_off`, "
        "`look_ahead`; `hold_still` and `comparing` while it is; or nothing."
    )
    reason: str = Field(description="Of `refused`: `not_seen`, `not_alike`, `not_done` or `drawn`.")
    done: int = Field(description="Gestures that were done.")
    needed: int = Field(description="Gestures that have to be done.")
    seconds_left: float = Field(description="Of what is asked now.")


class BackgroundAnswer(BaseModel):
    """A picture that was uploaded to be behind an avatar."""

    id: str = Field(description="What a call asks for as its background.")


class PictureAnswer(BaseModel):
    """The picture a call gets when it asks for no other size."""

    width: int
    height: int
    fps: int
    label: str | None = Field(
        default=None, description="Where in it the operator's label is, such as `bottom`; left out: there is none."
    )


class LimitsAnswer(BaseModel):
    """What a visitor may use."""

    sessions: int
    room_members: int = Field(description="People in one room; 0: this server has no rooms.")
    upload_pixels: int = Field(description="Of one photo.")
    upload_pixels_together: int = Field(description="Of all photos of one upload.")
    idle_s: float
    call_s: float


class RecordingAnswer(BaseModel):
    """A recording of a call."""

    file: str | None = Field(
        description="Its name in the operator's folder; null where it ended before there was anything to record."
    )
    seconds: float
    pictures: int
    dropped: int = Field(description="Pictures and pieces of sound that are not in it, as writing was too slow.")
    state: Literal["running", "ended"]
    failure: str | None = Field(description="Why it ended by itself.")


class IceServerAnswer(BaseModel):
    """A STUN or TURN server, as a browser's RTCPeerConnection takes it."""

    urls: str
    username: str | None = None
    credential: str | None = None


class ConfigAnswer(BaseModel):
    """What a page has to know of this server."""

    version: str
    max_upload_bytes: int = Field(description="Of all photos of one upload together.")
    max_photos: int
    ice_servers: list[IceServerAnswer] = Field(description="TURN servers only for who may call.")
    picture: PictureAnswer
    limits: LimitsAnswer
    consent_required: bool = Field(description="Uploads have to say whose face it is (`consent`).")
    live_check: Literal["off", "offered", "required"] = Field(
        description="Whether people may be, or have to be, checked before their camera (`/api/live-checks`)."
    )
    token_required: bool = Field(description="Offers and uploads need `Authorization: Bearer TOKEN`.")


class CallAnswer(BaseModel):
    """A running call."""

    watch: str = Field(description="Address of the page that shows it to whoever has this link, as long as it lasts.")
    whep: str = Field(description="The same for WHEP players.")
    watchers: int


class RoomAnswer(BaseModel):
    """A room."""

    names: list[str] = Field(description="Who is in it, in the order of their coming; empty for those without a name.")
    most: int = Field(description="How many may be in it; 0: this server has no rooms.")


class CameraNote(BaseModel):
    """Something that whoever uses a virtual camera should know."""

    number: int
    text: str


class CameraAnswer(BaseModel):
    """How a virtual camera does."""

    face: str = Field(description="The id of the avatar it shows.")
    background: str
    muted: bool | None = Field(description="None: there is no sound.")
    follows_face: bool
    sight: Literal["none", "tracked", "held", "lost"]
    fps: float
    latency_ms: float | None = Field(description="From the driver's camera to the device, median of three seconds.")
    latency_ms_p95: float | None
    notes: list[CameraNote]


class HealthAnswer(BaseModel):
    """The server is up."""

    status: Literal["ok"]
    version: str
    sessions: int


class ProblemAnswer(BaseModel):
    """Any error, as application/problem+json."""

    type: str
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable word for programs, such as `no_face` or `server_full`.")


def problems(descriptions: dict[int, str]) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI answers for errors, by status."""
    schema = {"$ref": "#/components/schemas/ProblemAnswer"}
    return {
        status: {"description": text, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status, text in descriptions.items()
    }
