from avatar.timing.sound_timeline import SoundTimeline

RATE = 48_000
BLOCK = 960


def test_sound_that_comes_a_little_unevenly_lies_end_to_end() -> None:
    timeline = SoundTimeline(RATE)
    for index, late_s in enumerate((0.0, 0.05, -0.04, 0.09, 0.0)):
        timeline, silence, left_out = timeline.place(index * BLOCK / RATE + late_s, BLOCK)
        assert (silence, left_out) == (0, 0)
    assert timeline.written == 5 * BLOCK


def test_a_gap_becomes_silence_and_what_follows_is_in_time() -> None:
    timeline, *_ = SoundTimeline(RATE).place(0.0, BLOCK)
    timeline, silence, left_out = timeline.place(2.0, BLOCK)
    assert (silence, left_out) == (2 * RATE - BLOCK, 0)
    assert timeline.written == 2 * RATE + BLOCK


def test_sound_for_a_time_that_is_written_already_gives_way() -> None:
    timeline, silence = SoundTimeline(RATE).fill(1.0)
    assert silence == RATE
    timeline, silence, left_out = timeline.place(0.5, RATE)
    assert (silence, left_out) == (0, RATE // 2)
    timeline, silence, left_out = timeline.place(0.5, BLOCK)
    assert (silence, left_out) == (0, BLOCK)
    assert timeline.written == RATE + RATE // 2


def test_filling_up_never_goes_back() -> None:
    timeline, _ = SoundTimeline(RATE).fill(1.0)
    assert timeline.fill(0.2) == (timeline, 0)
