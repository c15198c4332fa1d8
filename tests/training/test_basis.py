"""The fit finds a basis it was not told, symmetric and free of what it has hardly seen; the shipped one is sane."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.face.expression_basis import load_basis
from avatar.face.mesh import LOWER_LIP_CENTRE, UPPER_LIP_CENTRE
from avatar.face.pose import mean_head, rotation_matrix, to_pixels
from avatar.generator.tuning.face_tracks import Track
from avatar.generator.tuning.mirror import mirror_head, mirrored_blendshapes, mirrored_landmarks
from avatar.types import BLENDSHAPE_INDEX, F32, HeadPose
from training.basis import HeadTrack, fit_mean_head, fit_offsets, penalties, to_head_track
from training.basis_measures import explained, opening_gain

SEEN = ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft", "mouthSmileRight")


def synthetic_track(seed: int) -> Track:
    """A person of their own shape who talks, blinks, smiles and turns, moved by the shipped basis."""
    rng = np.random.default_rng(seed)
    person = mean_head() + rng.normal(0, 0.02, 3).astype(np.float32) * mean_head()
    coefficients = np.zeros((80, 52), np.float32)
    for name in SEEN:
        wave = np.sin(np.arange(80) / rng.uniform(2, 9) + rng.uniform(0, 6))
        coefficients[:, BLENDSHAPE_INDEX[name]] = 0.3 + 0.3 * wave
    landmarks = []
    for values in coefficients:
        turn = rotation_matrix(rng.normal(0, 0.1, 3).astype(np.float32))
        pose = HeadPose(turn, np.array([200, 200, 0], np.float32), 90.0)
        landmarks.append(to_pixels(person + load_basis().displacement(values), pose))
    return Track(np.arange(80, dtype=np.float32) / 30, np.array(landmarks, np.float32), coefficients)


@pytest.fixture(scope="module")
def tracks() -> list[HeadTrack]:
    return [to_head_track(synthetic_track(seed), f"person {seed}", mean_head()) for seed in range(4)]


@pytest.fixture(scope="module")
def fitted(tracks: list[HeadTrack]) -> F32:
    return fit_offsets(tracks, mean_head(), penalties(mean_head(), ridge=0.01, elsewhere=30.0))


def test_explains_the_clips_it_was_made_of(tracks: list[HeadTrack], fitted: F32) -> None:
    assert explained(tracks, fitted, np.arange(478)) > 0.9
    assert opening_gain(tracks, fitted, UPPER_LIP_CENTRE, LOWER_LIP_CENTRE) == pytest.approx(1.0, abs=0.1)


def test_is_the_same_in_the_mirror(fitted: F32) -> None:
    mirrored = mirror_head(fitted[mirrored_blendshapes()], mirrored_landmarks(mean_head()))
    assert np.allclose(mirrored, fitted, atol=1e-4)


def test_leaves_what_was_never_seen_at_rest(fitted: F32) -> None:
    unseen = [index for name, index in BLENDSHAPE_INDEX.items() if name not in SEEN]
    assert np.abs(fitted[unseen]).max() < 1e-6


def test_a_blink_does_not_move_the_lips(fitted: F32) -> None:
    blink = fitted[BLENDSHAPE_INDEX["eyeBlinkLeft"]]
    assert np.abs(blink[[13, 14, 61, 291, 152]]).max() < 0.2 * np.abs(blink).max()


def test_the_mean_head_of_turned_faces_is_upright_and_symmetric() -> None:
    made = [synthetic_track(seed) for seed in range(4)]
    head = fit_mean_head(made, ["a", "b", "c", "c"])
    assert np.linalg.norm(head[33] - head[263]) == pytest.approx(1.0, abs=1e-3)
    assert np.allclose(mirror_head(head, mirrored_landmarks(head)), head, atol=1e-3)
    assert head[152, 1] > head[1, 1] > head[10, 1]


def test_the_shipped_basis_moves_what_it_names() -> None:
    offsets = load_basis().offsets
    jaw, blink = offsets[BLENDSHAPE_INDEX["jawOpen"]], offsets[BLENDSHAPE_INDEX["eyeBlinkRight"]]
    assert jaw[152, 1] > 0.2, "the chin drops"
    assert jaw[14, 1] - jaw[13, 1] > 0.2, "the lips part"
    assert blink[159, 1] > 0.05 and abs(blink[386, 1]) < 0.02, "the subject's right lid closes, the left one does not"
    smile = offsets[BLENDSHAPE_INDEX["mouthSmileLeft"]]
    assert smile[291, 0] > 0 and smile[291, 1] < 0, "the subject's left corner, right in the picture, goes out and up"
    assert np.abs(offsets).max() < 0.6, "nothing flies off the face"
    mirrored = mirror_head(offsets[mirrored_blendshapes()], mirrored_landmarks(mean_head()))
    assert np.allclose(mirrored, offsets, atol=1e-4)
