"""One exception type per kind of trouble; each message says what happened, why, and what to do next."""

from __future__ import annotations


class AvatarError(Exception):
    """Root of every error this package raises on purpose.

    `code` is a stable machine-readable word that HTTP answers, data-channel messages and the page share.
    """

    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


def what_failed(error: Exception) -> str:
    """Return what an error that ended some work says to its user: the package's own words, else its kind too."""
    return str(error) if isinstance(error, AvatarError) else f"{type(error).__name__}: {error}"


class ImageError(AvatarError):
    """A picture that cannot be used: not an image, truncated, animated, too many bytes or pixels."""

    code = "not_an_image"


class EnrolError(AvatarError):
    """A portrait no avatar can be made from: no face, several faces, too small, too turned."""

    code = "no_face"


class IdentityFileError(AvatarError):
    """An `.avatar` file that is not one, is damaged, or has another version."""

    code = "bad_identity_file"


class SettingsError(AvatarError):
    """A setting nobody knows, or a value that it cannot have, with where it was said."""

    code = "bad_setting"


class UnknownAvatarError(AvatarError):
    """An avatar id nobody knows: mistyped, removed, or an upload that gave way to newer ones."""

    code = "unknown_avatar"


class ModelError(AvatarError):
    """A model file that is missing, damaged, or cannot be fetched."""

    code = "model_missing"


class GpuMemoryError(ModelError):
    """The GPU's memory is full: what it was asked for has to be drawn by something smaller."""

    code = "gpu_memory_full"


class InstallationError(AvatarError):
    """A file that belongs to the package is missing: of the page, of a face."""

    code = "incomplete_installation"


class FrameError(AvatarError):
    """A video frame that must not reach a stage: wrong dtype, shape, or size."""

    code = "bad_frame"


class PerceptionError(AvatarError):
    """The face tracker cannot start or has failed beyond repair."""

    code = "perception_failed"


class OfferError(AvatarError):
    """An SDP offer that is not valid or asks for what a call cannot give."""

    code = "bad_offer"


class NoCommonCodecError(OfferError):
    """An SDP offer whose video or sound has no format that a call can use."""

    code = "no_common_codec"


class TrickleError(AvatarError):
    """A piece of SDP whose addresses cannot be added to a call."""

    code = "bad_fragment"


class ServerFullError(AvatarError):
    """There is no place or no time for another call; `retry_after_s` says when to try again."""

    code = "server_full"

    def __init__(self, message: str, *, retry_after_s: int = 10) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StoreError(ServerFullError):
    """The place where uploads are kept does not answer, or is full; `retry_after_s` says when to try again."""

    code = "store_gone"


class RoomFullError(ServerFullError):
    """Everybody is in a room whom it has a place for."""

    code = "room_full"


class TooManyRequestsError(ServerFullError):
    """Somebody asks more often, or for more at once, than one visitor or one token may."""

    code = "too_many_requests"

    def __init__(self, message: str, *, retry_after_s: int, code: str | None = None) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        if code is not None:
            self.code = code


class ControlError(AvatarError):
    """A control message that is junk, too large, of another version, or not possible now."""

    code = "bad_message"


class MediaError(AvatarError):
    """A media file that cannot be read or written."""

    code = "bad_media"


class DeviceError(AvatarError):
    """A camera, microphone, loudspeaker, screen or virtual device that is missing, taken, or refuses what is asked."""

    code = "no_device"


class RecordingError(AvatarError):
    """A recording that is not allowed (`recording_off`), runs already, cannot be written (`recording_failed`), or is of
    a call that has ended (`unknown_call`)."""

    code = "recording_runs"


class PublishError(AvatarError):
    """A target that nothing can be published to: no such kind, not answering, refusing, or gone."""

    code = "publish_failed"


class VoiceError(AvatarError):
    """A voice that is not installed, or cannot speak a text."""

    code = "no_voice"


class TrainingError(AvatarError):
    """A training run that cannot start or must not go on."""

    code = "training_failed"


class SoundError(AvatarError):
    """Sound of a type, shape or rate that cannot be spoken."""

    code = "bad_sound"


class CueError(AvatarError):
    """An emotion, gesture, presence or stage direction that nobody has taught the avatar."""

    code = "unknown_cue"


class ClosedError(AvatarError):
    """Something was asked of an avatar that is not open, or no longer."""

    code = "closed"


class IntegrationError(AvatarError):
    """A framework that is not installed, or of a version its plug-in does not know."""

    code = "integration_missing"


class ConversationError(AvatarError):
    """A language model or speech-to-text that cannot be reached, takes too long, or answers with rubbish."""

    code = "conversation_failed"


class TokenError(AvatarError):
    """A server asks for a token, or refuses the one it was given."""

    code = "unauthorized"


class ServerGoneError(AvatarError):
    """A server that does not answer, or is none of ours."""

    code = "server_gone"


class TrustError(AvatarError):
    """A key, a certificate or a signature that cannot be made, read or used."""

    code = "bad_signature"


class ConsentError(AvatarError):
    """Nobody has said whose face an avatar is (`consent_required`), or what was said cannot be (`bad_consent`)."""

    code = "consent_required"
