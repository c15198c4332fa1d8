"""A call's pipeline, alive: pictures without a camera, pictures that follow one, and nothing that fells it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from types import ModuleType
from typing import Any

import av
import cv2
import numpy as np
import pytest
from scipy.signal import resample_poly

from avatar.config import Background, PictureSettings
from avatar.errors import CueError, PerceptionError
from avatar.generator.enrol import enrol
from avatar.generator.geometry import GeometryGenerator
from avatar.generator.identity import Identity
from avatar.media.matte_beside import rgba_of
from avatar.motion.cues import NEUTRAL, Feel, Mood
from avatar.motion.speech import LOOK_AHEAD_S
from avatar.session.face_follower import LOOK_EVERY_S
from avatar.session.live import Session
from avatar.session.loopback import LoopbackSession
from avatar.session.opening import open_session
from avatar.session.protocol import Calibrated, FaceFound, FaceLost, SessionEvent, SessionFailed
from avatar.timing.av_sync import SoundDelay, observe_picture
from avatar.types import BLENDSHAPE_INDEX, U8, CaptureStamp, Motion, Picture

pytestmark = pytest.mark.slow

PATIENCE_S = 30.0
"""For a machine that is busy with other things; every wait ends as soon as what it waits for is there."""
FPS = 30
Move = Callable[..., Motion]


def answers(picture: Picture) -> int | None:
    """Return the timestamp of the camera frame that a picture answers."""
    return None if picture.capture is None else picture.capture.rtp_time


class Audience:
    """Keeps what a session shows and says, and waits for it."""

    def __init__(self) -> None:
        self.pictures: list[Picture] = []
        self.events: list[SessionEvent] = []
        self.sound_delay = SoundDelay()
        """How long a call would let sound wait for these pictures."""
        self.quickest_s = float("inf")
        """How soon a picture came after its sound, at best: a busy machine holds up many, not all."""
        self._news = threading.Condition()

    def on_picture(self, picture: Picture) -> None:
        with self._news:
            self.pictures.append(picture)
            if picture.sound_s is not None:
                now_s = time.monotonic()
                self.sound_delay = observe_picture(self.sound_delay, picture.sound_s, now_s)
                self.quickest_s = min(self.quickest_s, now_s - picture.sound_s)
            self._news.notify_all()

    def on_event(self, event: SessionEvent) -> None:
        with self._news:
            self.events.append(event)
            self._news.notify_all()

    def wait(self, what: Callable[[], bool]) -> None:
        with self._news:
            assert self._news.wait_for(what, PATIENCE_S), f"not seen; events so far: {self.events}"

    def answer(self, rtp_time: int) -> Picture:
        """Return the picture that answers a camera frame, once it is there."""
        self.wait(lambda: rtp_time in self.answered())
        return next(picture for picture in self.pictures if answers(picture) == rtp_time)

    def answered(self) -> list[int]:
        """Return the timestamps of the camera frames that pictures have answered."""
        return [stamp for picture in self.pictures if (stamp := answers(picture)) is not None]

    def has(self, event: SessionEvent) -> Callable[[], bool]:
        return lambda: event in self.events


class Camera:
    """Sends frames to a session, one at a time, at 30 a second of its own clock."""

    def __init__(self, session: Session | LoopbackSession, audience: Audience) -> None:
        self._session, self._audience = session, audience
        self._begin_s, self.sent = time.monotonic(), 0

    def push(self, rgb: U8) -> int:
        """Send one frame; return its timestamp."""
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24").reformat(format="yuv420p")
        capture = CaptureStamp(self._begin_s + self.sent / FPS, self.sent)
        self._session.push_camera(frame, capture)
        self.sent += 1
        return capture.rtp_time

    def show(self, rgb: U8, times: int = 1) -> Picture:
        """Send a frame some times, each once the one before has been answered; return the last answer."""
        for _ in range(times):
            answer = self._audience.answer(self.push(rgb))
        return answer


@pytest.fixture
def audience() -> Audience:
    return Audience()


plainly = pytest.mark.parametrize("session", ["geometry"], indirect=True)
"""For what is not about pictures: the plain warp draws them, in half the time the network takes."""


@pytest.fixture
def session(astronaut: Identity, audience: Audience, request: pytest.FixtureRequest) -> Iterator[Session]:
    picture = PictureSettings(256, 256, tier=getattr(request, "param", "auto"))
    made = open_session(astronaut, picture, on_picture=audience.on_picture, on_event=audience.on_event)
    yield made
    made.stop()


@pytest.fixture
def camera(session: Session, audience: Audience) -> Camera:
    session.start()
    return Camera(session, audience)


@pytest.fixture(scope="module")
def shot(astronaut: Identity, move: Move) -> Callable[..., U8]:
    """What a camera of 320 x 240 sees of a person who moves as told."""
    generator = GeometryGenerator(astronaut, (320, 240))
    return lambda **how: generator.render(move(**how))


@pytest.fixture(scope="module")
def other(photo: U8, astronaut: Identity) -> Identity:
    """Somebody else: the portrait mirrored and in other colours."""
    return enrol([np.ascontiguousarray(photo[:, ::-1, ::-1])], name="Other")


def rgb(picture: Picture) -> U8:
    return np.asarray(cv2.cvtColor(picture.i420, cv2.COLOR_YUV2RGB_I420), np.uint8)


def stamp() -> CaptureStamp:
    """A camera frame that arrives now."""
    return CaptureStamp(time.monotonic(), 0)


def stage_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("avatar-")]


def test_nobody_watching_the_face_is_followed_and_nothing_drawn(
    session: Session, audience: Audience, shot: Callable[..., U8]
) -> None:
    session.set_watched(False)
    session.start()
    camera = Camera(session, audience)
    while FaceFound() not in audience.events:
        camera.push(shot())
        time.sleep(0.05)
    assert not audience.pictures
    session.set_watched(True)
    audience.wait(lambda: len(audience.pictures) >= 3)


def test_without_a_camera_the_avatar_lives(session: Session, audience: Audience) -> None:
    session.start()
    audience.wait(lambda: len(audience.pictures) >= 12)
    assert all(picture.size == (256, 256) and picture.capture is None for picture in audience.pictures)
    times = [picture.time_s for picture in audience.pictures]
    assert times == sorted(times)
    first, last = audience.pictures[0].i420, audience.pictures[-1].i420
    assert (first != last).any(), "it moves"
    assert session.stats().face == "none" and not audience.events
    assert audience.sound_delay.delay_s == 0, "no camera, nothing for sound to wait for"


def test_it_follows_the_camera(
    camera: Camera,
    session: Session,
    audience: Audience,
    shot: Callable[..., U8],
    look: Callable[[U8], dict[str, float]],
) -> None:
    straight = look(rgb(camera.show(shot(), times=35)))
    assert audience.events == [FaceFound(), Calibrated()]
    turned = look(rgb(camera.show(shot(yaw=15), times=12)))
    assert turned["yaw"] - straight["yaw"] == pytest.approx(13, abs=6)
    talking = look(rgb(camera.show(shot(jawOpen=0.7), times=12)))
    assert talking["lips"] > straight["lips"] + 0.08
    stats = session.stats()
    assert stats.face == "tracked" and stats.camera_fps > 0
    assert {"perceive", "generate"} <= stats.stage_ms.keys()


def test_each_picture_names_the_camera_frame_it_answers(
    camera: Camera, audience: Audience, shot: Callable[..., U8]
) -> None:
    camera.show(shot(), times=5)
    assert audience.answered() == [0, 1, 2, 3, 4]


@plainly
def test_a_face_that_goes_and_comes_back_is_told_once_each(
    camera: Camera, session: Session, audience: Audience, shot: Callable[..., U8]
) -> None:
    camera.show(shot(), times=3)
    camera.show(np.zeros((240, 320, 3), np.uint8), times=20)
    assert session.stats().face == "lost"
    camera.show(shot(), times=3)
    assert audience.events == [FaceFound(), FaceLost(), FaceFound()]


@plainly
def test_a_camera_that_never_shows_a_face_is_told_of(camera: Camera, session: Session, audience: Audience) -> None:
    camera.show(np.full((240, 320, 3), 90, np.uint8), times=50)
    assert audience.events == [FaceLost()]
    assert session.stats().face == "lost"


@plainly
def test_when_the_camera_stops_life_goes_on(camera: Camera, audience: Audience, shot: Callable[..., U8]) -> None:
    camera.show(shot(yaw=10), times=3)
    count = len(audience.pictures)
    audience.wait(lambda: len(audience.pictures) >= count + 30)
    assert all(picture.capture is None for picture in audience.pictures[-25:])


def test_between_the_frames_of_a_slow_camera_the_face_stays_as_it_was(
    camera: Camera, audience: Audience, shot: Callable[..., U8]
) -> None:
    camera.show(shot(), times=35)
    turned = rgb(camera.show(shot(yaw=15), times=12))
    count = len(audience.pictures)
    audience.wait(lambda: len(audience.pictures) >= count + 3)
    between = audience.pictures[count : count + 3]
    # On a machine so busy that these come late, the camera counts as gone and the face may move on.
    if between[-1].time_s - audience.pictures[count - 1].time_s < 0.4:
        apart = [np.abs(rgb(picture).astype(int) - turned) for picture in between]
        # The drawn layers of a face that has just come to rest still settle, by a few levels at single pixels; a head
        # that moved would change edges by tens.
        assert max(difference.max() for difference in apart) <= 8
        assert max(difference.mean() for difference in apart) < 0.1


def test_a_consumer_that_is_slow_gets_the_newest_frame(
    astronaut: Identity, audience: Audience, shot: Callable[..., U8]
) -> None:
    gate = threading.Event()

    def slow(picture: Picture) -> None:
        audience.on_picture(picture)
        if picture.capture is not None:
            gate.wait(PATIENCE_S)

    session = open_session(astronaut, PictureSettings(256, 256), on_picture=slow, on_event=audience.on_event)
    try:
        session.start()
        camera = Camera(session, audience)
        camera.show(shot())
        for _ in range(40):
            last = camera.push(shot())
        gate.set()
        audience.answer(last)
        frames = audience.answered()
        assert frames == sorted(frames) and len(frames) < 20, "older frames are skipped, not queued"
        assert session.stats().dropped == 41 - len(frames)
    finally:
        gate.set()
        session.stop()


def test_frames_of_any_size_and_kind_do_no_harm(
    camera: Camera, session: Session, audience: Audience, shot: Callable[..., U8]
) -> None:
    usual = shot()
    camera.show(usual, times=2)
    for size in ((1, 1), (2, 2), (15, 400), (239, 319), (240, 321), (480, 640), (640, 360)):
        camera.show(np.asarray(cv2.resize(usual, size[::-1]), np.uint8))
    camera.show(np.zeros((240, 320, 3), np.uint8))
    camera.push(np.zeros((2, 4100, 3), np.uint8))
    session.push_camera(av.VideoFrame.from_ndarray(usual[..., 0].copy(), format="gray"), stamp())
    camera.show(usual, times=3)
    assert session.stats().face == "tracked"
    assert not any(isinstance(event, SessionFailed) for event in audience.events)


def test_a_frame_that_cannot_be_used_counts_as_dropped(camera: Camera, session: Session, audience: Audience) -> None:
    camera.push(np.zeros((2, 4100, 3), np.uint8))
    camera.show(np.zeros((240, 320, 3), np.uint8))
    assert session.stats().dropped == 1


def test_smaller_pictures_follow_larger_ones_without_a_gap(
    camera: Camera, session: Session, audience: Audience, shot: Callable[..., U8]
) -> None:
    large = camera.show(shot(), times=2)
    session.set_picture(PictureSettings(192, 192, 30, "geometry"), 1)
    small = camera.show(shot())
    assert (large.size, small.size) == ((256, 256), (192, 192))
    assert {picture.size for picture in audience.pictures} == {(256, 256), (192, 192)}
    as_large = cv2.resize(rgb(small), (256, 256))
    assert np.abs(as_large.astype(int) - rgb(large)).mean() < 12, "the same face in the same place"
    session.set_picture(PictureSettings(256, 256), 1)
    assert camera.show(shot()).size == (256, 256)


def test_what_is_behind_the_avatar_changes_between_two_pictures(
    camera: Camera, session: Session, audience: Audience, shot: Callable[..., U8]
) -> None:
    before = rgb(camera.show(shot(), times=2))
    session.set_background(Background("colour", rgb=(0, 200, 60)))
    session.set_picture(PictureSettings(192, 192, 30, "geometry"), 1)
    green = camera.show(shot())
    assert green.size == (192, 192)
    assert np.abs(rgb(green)[:8, :8].astype(int) - (0, 200, 60)).max() < 12, "it stays as the size changes"
    session.set_background(Background("transparent"))
    clear = camera.show(shot())
    assert clear.matte and clear.size == (384, 192)
    rgba = rgba_of(rgb(clear))
    assert rgba[:8, :8].max() <= 2 and rgba[96, 96, 3] == 255
    assert all(rgb(picture).mean() > 0.2 * before.mean() for picture in audience.pictures), "none of them is black"


def test_an_avatar_changed_after_the_size_has_the_new_size(
    camera: Camera, session: Session, shot: Callable[..., U8], other: Identity
) -> None:
    session.set_picture(PictureSettings(192, 192, 30, "geometry"), 1)
    session.set_identity(other)
    assert camera.show(shot()).size == (192, 192)


def test_looking_at_every_second_frame_each_frame_is_answered_and_the_face_followed(
    camera: Camera,
    session: Session,
    audience: Audience,
    shot: Callable[..., U8],
    look: Callable[[U8], dict[str, float]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = []
    track = session._tracker.track
    monkeypatch.setattr(session._tracker, "track", lambda *how: looks.append(how) or track(*how))
    session.set_picture(PictureSettings(256, 256), 2)
    straight = look(rgb(camera.show(shot(), times=36)))
    turned = look(rgb(camera.show(shot(yaw=15), times=12)))
    assert len(looks) == 24 and audience.answered() == list(range(48))
    assert turned["yaw"] - straight["yaw"] == pytest.approx(13, abs=6)


@plainly
def test_at_a_lower_rate_a_camera_drives_no_more_pictures_than_that(
    camera: Camera, session: Session, audience: Audience, shot: Callable[..., U8]
) -> None:
    session.set_picture(PictureSettings(256, 256, 15), 1)
    for index in range(20):
        stamp = camera.push(shot())
        if index % 2 == 0:
            audience.answer(stamp)
    assert audience.answered() == list(range(0, 20, 2))


def test_another_face_is_shown_from_one_picture_to_the_next(
    camera: Camera, session: Session, audience: Audience, shot: Callable[..., U8], astronaut: Identity, other: Identity
) -> None:
    def resembles(picture: Picture) -> str:
        distances = {
            identity.name: np.abs(rgb(picture).astype(int) - identity.preview(256)).mean()
            for identity in (astronaut, other)
        }
        return min(distances, key=lambda name: float(distances[name]))

    assert resembles(camera.show(shot(), times=2)) == "Astronaut"
    session.set_identity(other)
    assert resembles(camera.show(shot(), times=2)) == "Other"


def test_swapping_faces_all_the_time_breaks_nothing(
    session: Session, audience: Audience, astronaut: Identity, other: Identity
) -> None:
    session.start()
    for identity in (other, astronaut) * 4:
        session.set_identity(identity)
    count = len(audience.pictures)
    audience.wait(lambda: len(audience.pictures) > count + 3)
    assert not audience.events


def test_calibrating_takes_the_present_look_as_rest(
    camera: Camera,
    session: Session,
    audience: Audience,
    shot: Callable[..., U8],
    look: Callable[[U8], dict[str, float]],
) -> None:
    straight = look(rgb(camera.show(shot(), times=35)))
    session.calibrate()
    aside = look(rgb(camera.show(shot(yaw=12), times=45)))
    assert aside["yaw"] == pytest.approx(straight["yaw"], abs=2.5), "that is the new straight ahead"
    assert audience.events.count(Calibrated()) == 2


def test_sound_waits_as_long_as_pictures_take(camera: Camera, session: Session, audience: Audience) -> None:
    frame = av.VideoFrame(320, 240, "yuv420p")
    capture = CaptureStamp(time.monotonic() - 0.15, 7)
    session.push_camera(frame, capture)
    picture = audience.answer(7)
    answered_s = time.monotonic()
    assert picture.capture == capture and picture.sound_s == capture.arrival_s
    assert 0.15 <= audience.sound_delay.delay_s <= answered_s - capture.arrival_s


def test_stopping_leaves_no_thread_and_may_be_done_twice(session: Session, camera: Camera, audience: Audience) -> None:
    audience.wait(lambda: len(audience.pictures) > 2)
    assert "avatar-render" in stage_threads()
    session.stop()
    assert not stage_threads()
    count = len(audience.pictures)
    session.stop()
    camera.push(np.zeros((240, 320, 3), np.uint8))
    session.calibrate()
    assert session.stats().camera_fps >= 0 and len(audience.pictures) == count


def test_a_session_that_never_started_can_be_stopped(session: Session) -> None:
    session.push_camera(av.VideoFrame(320, 240, "yuv420p"), stamp())
    session.stop()
    assert not stage_threads()


def test_stopping_in_the_midst_of_frames_is_clean(
    session: Session, camera: Camera, audience: Audience, shot: Callable[..., U8]
) -> None:
    for _ in range(5):
        camera.push(shot())
    session.stop()
    assert not stage_threads() and not any(isinstance(event, SessionFailed) for event in audience.events)


def test_a_consumer_that_raises_ends_the_session_with_the_reason(astronaut: Identity, audience: Audience) -> None:
    def broken(_: Picture) -> None:
        raise RuntimeError("the encoder is gone")

    session = open_session(astronaut, PictureSettings(256, 256), on_picture=broken, on_event=audience.on_event)
    session.start()
    audience.wait(lambda: bool(audience.events))
    session.stop()
    assert audience.events == [SessionFailed("RuntimeError: the encoder is gone")]
    assert not stage_threads()


def test_a_tracker_that_fails_for_good_is_reported_in_its_own_words(
    session: Session, camera: Camera, audience: Audience, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise PerceptionError("The face tracker has failed.")

    monkeypatch.setattr(session._tracker, "track", fail)
    camera.push(np.zeros((240, 320, 3), np.uint8))
    audience.wait(audience.has(SessionFailed("The face tracker has failed.")))


def test_two_sessions_do_not_disturb_each_other(astronaut: Identity, other: Identity) -> None:
    audiences = Audience(), Audience()
    sessions = [
        open_session(identity, PictureSettings(256, 256), on_picture=each.on_picture, on_event=each.on_event)
        for identity, each in zip((astronaut, other), audiences, strict=True)
    ]
    for session in sessions:
        session.start()
    for each in audiences:
        each.wait(lambda each=each: len(each.pictures) > 3)
    sessions[0].stop()
    count = len(audiences[1].pictures)
    audiences[1].wait(lambda: len(audiences[1].pictures) > count + 3)
    sessions[1].stop()
    assert not stage_threads()


def test_an_echo_nobody_sees_sends_nothing_back(audience: Audience) -> None:
    echo = LoopbackSession(on_picture=audience.on_picture, on_event=audience.on_event)
    echo.set_watched(False)
    echo.start()
    camera = Camera(echo, audience)
    grey = np.full((240, 320, 3), 128, np.uint8)
    for _ in range(3):
        camera.push(grey)
        time.sleep(0.02)
    assert not audience.pictures
    echo.set_watched(True)
    assert answers(camera.show(grey)) == 3
    echo.stop()


def test_an_echo_sends_back_what_it_gets_and_survives_what_it_cannot(audience: Audience) -> None:
    echo = LoopbackSession(on_picture=audience.on_picture, on_event=audience.on_event)
    echo.start()
    camera = Camera(echo, audience)
    red = np.full((240, 320, 3), (200, 40, 40), np.uint8)
    assert np.abs(rgb(camera.show(red)).astype(int) - (200, 40, 40)).max() <= 4
    single = av.VideoFrame(1, 1, "yuv420p")
    echo.push_camera(single, stamp())
    echo.push_camera(av.VideoFrame(4100, 2, "yuv420p"), stamp())
    assert camera.show(red[:180]).size == (320, 180)
    assert audience.sound_delay.delay_s == 0
    echo.stop()
    echo.stop()
    assert not stage_threads()


def vowel(seconds: float) -> np.ndarray:
    """An open vowel, 48 kHz: a buzz of 120 Hz through resonances at 750, 1200 and 2500 Hz."""
    times = np.arange(round(seconds * 48_000)) / 48_000
    sound = np.zeros(len(times))
    for harmonic in range(1, 66):
        gain = sum(1 / (1 + ((120 * harmonic - centre) / 90) ** 2) for centre in (750, 1200, 2500))
        sound += gain * np.sin(2 * np.pi * 120 * harmonic * times)
    return np.asarray(0.3 * sound / np.abs(sound).max(), np.float32)


def speak(session: Session, sound: np.ndarray, begin_s: float) -> None:
    """Let sound arrive in pieces of 20 ms, each once its last sample is there."""
    for start in range(0, len(sound) - 959, 960):
        frame = av.AudioFrame.from_ndarray(sound[None, start : start + 960], format="fltp", layout="mono")
        frame.sample_rate = 48_000
        arrives_s = begin_s + (start + 960) / 48_000
        time.sleep(max(arrives_s - time.monotonic(), 0))
        session.push_audio(frame, arrives_s)


@plainly
def test_a_voice_opens_the_mouth_and_silence_lets_it_rest(
    session: Session, spoken_sentences: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoken = resample_poly(spoken_sentences.spoken().sound, 3, 1)[: 2 * 48_000].astype(np.float32)
    jaws: list[float] = []
    generator = session._renderer.generator
    render = generator.render

    def watched(motion: Motion) -> U8:
        jaws.append(float(motion.blendshapes[BLENDSHAPE_INDEX["jawOpen"]]))
        return render(motion)

    monkeypatch.setattr(generator, "render", watched)
    session.set_drive("voice")
    session.start()
    for _ in range(5):  # a busy machine takes its time to open the speech network
        speak(session, spoken, time.monotonic())
        if (opened := max(jaws)) > 0.1:
            break
    speak(session, np.zeros(48_000, np.float32), time.monotonic())
    assert opened > 0.1
    assert max(jaws[-5:]) < 0.3 * opened
    assert "speech" in session.stats().stage_ms


@plainly
def test_sound_waits_for_the_mouth_it_moves(session: Session, audience: Audience) -> None:
    session.set_drive("voice")
    session.start()
    speak(session, vowel(1.0), time.monotonic())
    assert LOOK_AHEAD_S < audience.quickest_s < LOOK_AHEAD_S + 0.2
    assert audience.sound_delay.delay_s > LOOK_AHEAD_S


@plainly
def test_with_both_the_camera_waits_for_the_voice(
    session: Session, audience: Audience, camera: Camera, shot: Callable[..., U8]
) -> None:
    session.set_drive("both")
    frame = shot(yaw=8)
    pushed = []
    for _ in range(12):
        pts, pushed_s = camera.push(frame), time.monotonic()
        time.sleep(1 / FPS)
        pushed.append((pts, pushed_s))
    audience.wait(lambda: bool(audience.answered()))
    assert audience.answered()[0] in dict(pushed)
    assert all(b.time_s >= a.time_s for a, b in pairwise(audience.pictures))


@plainly
def test_a_cue_is_shown_on_the_face_of_a_driver_and_ended(
    session: Session, audience: Audience, camera: Camera, shot: Callable[..., U8], monkeypatch: pytest.MonkeyPatch
) -> None:
    smiles: list[float] = []
    render = session._renderer.generator.render

    def watched(motion: Motion) -> U8:
        smiles.append(float(motion.blendshapes[BLENDSHAPE_INDEX["mouthSmileLeft"]]))
        return render(motion)

    monkeypatch.setattr(session._renderer.generator, "render", watched)
    frame = shot()
    camera.show(frame, times=3)
    plain = smiles[-1]
    with pytest.raises(CueError, match="no emotion 'gleeful'"):
        session.direct(Feel("gleeful"))
    session.direct(Mood("happy"))
    camera.show(frame, times=45)
    assert smiles[-1] - plain > 0.4
    for cue in NEUTRAL:
        session.direct(cue)
    camera.show(frame, times=60)
    assert abs(smiles[-1] - plain) < 0.05


@plainly
@pytest.mark.parametrize("side", [-1, 1])
def test_in_a_conversation_the_avatar_turns_to_where_the_user_sits(
    session: Session, audience: Audience, shot: Callable[..., U8], monkeypatch: pytest.MonkeyPatch, side: int
) -> None:
    """At the right of the camera's picture is at the left of the screen. The camera is looked at now and then only."""
    motions: list[Motion] = []
    looks: list[float] = []
    render, track = session._renderer.generator.render, session._tracker.track

    def watched(motion: Motion) -> U8:
        motions.append(motion)
        return render(motion)

    def looking(rgb: U8, time_s: float) -> Any:
        looks.append(time_s)
        return track(rgb, time_s)

    monkeypatch.setattr(session._renderer.generator, "render", watched)
    monkeypatch.setattr(session._tracker, "track", looking)
    room = np.full((240, 640, 3), 90, np.uint8)
    room[:, 320:] = shot()
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(room[:, ::side]), format="rgb24")
    session.set_drive("conversation")
    session.set_presence("listening")
    session.start()
    end_s = time.monotonic() + PATIENCE_S

    def turned() -> bool:
        gaze = motions[-1].gaze if motions else None
        return gaze is not None and side * gaze[0] < -0.03 and side * np.degrees(motions[-1].rotation[1]) > 2

    while not turned():
        assert time.monotonic() < end_s, "it does not look at the user"
        session.push_camera(frame, stamp())
        time.sleep(1 / FPS)
    for _ in range(30):
        session.push_camera(frame, stamp())
        time.sleep(1 / FPS)
    assert min(b - a for a, b in pairwise(looks)) >= LOOK_EVERY_S - 1e-6
    assert all(picture.capture is None for picture in audience.pictures)
    assert audience.events == [], "the page is not told of a face that drives nothing"
