"""A recording plays, in step, up to where it was broken off."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import textwrap
import threading
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest

from avatar.errors import MediaError
from avatar.media import recording as module
from avatar.media.fragmented_movie import FragmentedMovie, whole_boxes_bytes
from avatar.media.recording import Recording

SIZE, FPS, RATE = (64, 64), 10, 48_000


def grey(value: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.full((size[1] * 3 // 2, size[0]), value, np.uint8)


def tone(seconds: float) -> np.ndarray:
    samples = np.sin(np.arange(round(seconds * RATE)) * 2 * np.pi * 440 / RATE) * 20_000
    return np.repeat(samples.astype(np.int16)[:, None], 2, axis=1)


def pictures(path: Path) -> list[tuple[float, float]]:
    """(time, mean brightness) of each picture."""
    with av.open(str(path)) as movie:
        return [(float(frame.time), float(frame.to_ndarray(format="gray").mean())) for frame in movie.decode(video=0)]


def loudness(path: Path, block_s: float = 0.05) -> np.ndarray:
    """Loudness of each stretch of the sound."""
    with av.open(str(path)) as movie:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in movie.decode(audio=0)])
    block = round(block_s * RATE)
    return np.abs(sound[: len(sound) // block * block].reshape(-1, block)).mean(axis=1)


def test_pictures_and_sound_lie_where_they_were_shown_and_heard(tmp_path: Path) -> None:
    now = [100.0]
    recording = Recording(tmp_path / "call.mp4", SIZE, FPS, clock=lambda: now[0])
    for index in range(module.PICTURES_WAITING):
        recording.picture(grey(40 if index < 10 else 200), 100 + index / FPS)
        for block in range(5) if index >= 10 else ():
            recording.sound(tone(0.02), 100 + index / FPS + block / 50)
    now[0] = 101.5
    state = recording.stop()
    assert (state.pictures, state.dropped, state.failure, state.seconds) == (15, 0, None, 1.5)
    shown = pictures(state.path)
    assert len(shown) == 15
    bright_s = next(time_s for time_s, brightness in shown if brightness > 120)
    loud_s = 0.05 * int(np.argmax(loudness(state.path) > 0.05))
    assert bright_s == pytest.approx(1.0, abs=0.01)
    assert loud_s == pytest.approx(1.0, abs=0.1)


def test_a_long_wait_for_the_second_picture_moves_none(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "call.mp4", SIZE, FPS, clock=lambda: 0.0)
    times_s = [0.0, *(2 + index / FPS for index in range(10))]
    for time_s in times_s:
        recording.picture(grey(90), time_s)
    assert recording.stop().failure is None
    assert [time_s for time_s, _ in pictures(tmp_path / "call.mp4")] == pytest.approx(times_s, abs=1e-4)


def test_pictures_of_another_size_are_brought_to_the_files(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "call.mp4", SIZE, FPS, clock=lambda: 0.0)
    recording.picture(grey(200), 0.0)
    recording.picture(grey(100, (32, 32)), 0.1)
    assert recording.stop().failure is None
    with av.open(str(tmp_path / "call.mp4")) as movie:
        assert [(frame.width, frame.height) for frame in movie.decode(video=0)] == [SIZE, SIZE]


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    there = tmp_path / "call.mp4"
    there.write_bytes(b"mine")
    with pytest.raises(MediaError, match="exists"):
        Recording(there, SIZE, FPS)
    assert there.read_bytes() == b"mine"


def test_what_comes_after_the_end_is_not_taken(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "call.mp4", SIZE, FPS)
    recording.stop()
    recording.picture(grey(1), 0.0)
    recording.sound(tone(0.02), 0.0)
    assert recording.stop().pictures == 0


def test_pictures_give_way_to_sound_when_writing_is_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    write = FragmentedMovie.picture

    def slow(movie: FragmentedMovie, i420: np.ndarray, at_s: float) -> None:
        go_on.wait(10)
        write(movie, i420, at_s)

    monkeypatch.setattr(FragmentedMovie, "picture", slow)
    recording = Recording(tmp_path / "call.mp4", SIZE, FPS, clock=lambda: 0.0)
    for index in range(module.PICTURES_WAITING + 10):
        recording.picture(grey(9), index / FPS)
        recording.sound(tone(0.1), index / FPS)
    go_on.set()
    state = recording.stop()
    assert state.dropped in (9, 10)  # the first may be in writing already
    assert state.pictures + state.dropped == module.PICTURES_WAITING + 10
    assert len(loudness(state.path)) * 0.05 >= (module.PICTURES_WAITING + 10) / FPS - 0.1


KILLED_S = np.random.default_rng(5).uniform(0.8, 3.2, 3).round(2).tolist()
"""At moments of no meaning; `benchmarks.recordings` kills a server at ten."""
WRITER = """
    import sys, time
    from pathlib import Path
    import numpy as np
    from avatar.media.recording import Recording
    recording = Recording(Path(sys.argv[1]), (64, 64), 30, on_failure=lambda why: print(why, flush=True))
    begin, index = time.monotonic(), 0
    rng = np.random.default_rng(0)
    while not recording.state.failure:
        at = begin + index / 30
        recording.picture(rng.integers(0, 255, (96, 64), np.uint8), at)
        if "silent" not in sys.argv:
            recording.sound(np.zeros((1600, 2), np.int16), at)
        index += 1
        print(index / 30, flush=True)
        time.sleep(max(0.0, begin + index / 30 - time.monotonic()))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("killed_s", "ways"), list(zip(KILLED_S, [(), (), ("silent",)], strict=True)))
def test_a_recording_that_was_killed_plays_to_its_last_second(
    tmp_path: Path, killed_s: float, ways: tuple[str, ...]
) -> None:
    path = tmp_path / "call.mp4"
    writer = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(path), *ways], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    written_s = 0.0
    for line in writer.stdout:
        written_s = float(line)
        if written_s > killed_s:
            break
    writer.send_signal(signal.SIGKILL)
    written_s = float((writer.communicate()[0].splitlines() or [written_s])[-1])
    assert pictures(path)[-1][0] >= written_s - 1.1
    if not ways:
        assert len(loudness(path)) * 0.05 >= written_s - 1.1


def small_disk(most_bytes: int) -> None:
    """The limit on a file's size stands in for the disk: writing fails alike, in the middle of the file."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def on_small_disk(program: str, path: Path, most_bytes: int) -> str:
    """Return what a program says that writes to `path` where files have no more room than so many bytes."""
    command = [sys.executable, "-c", textwrap.dedent(program), str(path)]
    limit = partial(small_disk, most_bytes)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, preexec_fn=limit, check=True)
    return done.stdout


def test_a_full_disk_ends_the_recording_in_words(tmp_path: Path) -> None:
    path = tmp_path / "call.mp4"
    told = on_small_disk(WRITER.replace("time.sleep(max", "time.sleep(0.005) or (max"), path, 200_000)
    assert f"Cannot write {path}: File too large." in told
    assert pictures(path)


LAST_MOMENT = """
    import sys
    from pathlib import Path
    import numpy as np
    from avatar.media.recording import Recording
    recording = Recording(Path(sys.argv[1]), (64, 64), 30, clock=lambda: 0.0)
    recording.picture(np.random.default_rng(0).integers(0, 255, (96, 64), np.uint8), 0.0)
    print(recording.stop().failure)
"""


def test_a_disk_that_is_full_at_the_last_moment_is_told_too(tmp_path: Path) -> None:
    path = tmp_path / "call.mp4"
    told = on_small_disk(LAST_MOMENT, path, 3000)
    assert f"Cannot write {path}: its end is missing" in told
    assert whole_boxes_bytes(path) == path.stat().st_size, "what is there can be read"


class FullDisk:
    """Stands for a container whose first writing fails, and notes what it is asked for then."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def mux(self, packets: object) -> None:
        self.asked.append("mux")
        raise OSError(28, "No space left on device")

    def close(self) -> None:
        self.asked.append("close")


def test_once_writing_has_failed_nothing_more_is_written(tmp_path: Path) -> None:
    movie = FragmentedMovie(tmp_path / "call.mp4", (64, 64), 30)
    container, movie._container = movie._container, FullDisk()
    with pytest.raises(MediaError, match="No space left"):
        movie.picture(np.zeros((96, 64), np.uint8), 0.0)
    movie.close()
    assert movie._container.asked == ["mux", "close"]
    container.close()


def test_where_there_is_no_room_at_all_no_recording_begins(tmp_path: Path) -> None:
    program = """
    import sys
    from pathlib import Path
    from avatar.errors import MediaError
    from avatar.media.fragmented_movie import FragmentedMovie
    try:
        FragmentedMovie(Path(sys.argv[1]), (64, 64), 30)
    except MediaError as error:
        print(error)
    """
    path = tmp_path / "call.mp4"
    assert f"Cannot write {path}: File too large." in on_small_disk(program, path, 0)
    assert not path.exists()


PUBLISHED = """
    import sys
    import numpy as np
    from avatar.errors import PublishError
    from avatar.media.publish_target import read_target
    from avatar.media.stream_writer import StreamWriter
    try:
        with StreamWriter(read_target(sys.argv[1]), (64, 64), 30, bitrate_bps=2_000_000) as writer:
            for index in range(3):
                writer.picture(np.random.default_rng(index).integers(0, 255, (64, 64, 3), np.uint8), index / 30)
                writer.sound(np.zeros(1600, np.int16), index / 30)
    except PublishError as error:
        print(error)
"""


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_so_is_one_that_is_full_as_a_published_file_ends(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    told = on_small_disk(PUBLISHED, path, 12_000)
    assert f"{path} cannot be written: " in told
