"""A small network learns what another one answers, from people and from faces made of them."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra `train`")

from avatar.face.expression_basis import load_basis
from avatar.face.pose import mean_head, rotation_matrix
from avatar.generator.tuning.face_tracks import Clip, Track
from avatar.perception.distilled_blendshapes import MEASURED, DistilledBlendshapes, normalized
from avatar.types import F32
from training.blendshapes_card import blendshapes_card
from training.blendshapes_measures import measure
from training.distill_blendshapes import Lessons, known_people, learn
from training.made_faces import MadeFaces


def clip(name: str, split: str) -> Clip:
    return Clip(f"{name}.mp4", split, name, "drawn here", "Apache-2.0")


def track(seed: int, frames: int = 40) -> Track:
    """Return a face that moves at random."""
    random = np.random.default_rng(seed)
    worn = random.uniform(0, 0.6, (frames, 52)).astype(np.float32) * (random.random((frames, 52)) < 0.1)
    heads = mean_head() + np.stack([load_basis().displacement(one) for one in worn])
    turns = np.stack([rotation_matrix(turn.astype(np.float32)) for turn in random.normal(0, 0.1, (frames, 3))])
    seen = np.einsum("nij,npj->npi", turns, heads) * 200 + 300
    return Track(np.arange(frames, dtype=np.float32) / 30, seen.astype(np.float32), worn)


def opening(points: F32) -> F32:
    """Return what is to be learnt: something smooth of the landmarks, 0..1."""
    wide = points[:, :MEASURED] - points[:, 100 : 100 + MEASURED]
    return np.asarray(1 / (1 + np.exp(-10 * (wide - wide.mean(axis=0)))), np.float32)


@pytest.mark.slow
def test_a_network_learns_from_made_faces_and_is_run_as_it_was_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.distill_blendshapes.BATCH", 128)
    monkeypatch.setattr("training.distill_blendshapes.WARM_UP", 5)
    monkeypatch.setattr("training.distill_blendshapes.WIDTHS", (24, 24, 24, 24))
    tracks = [(clip(name, "train"), track(seed)) for seed, name in enumerate(("anna", "ben", "anna"))]
    people = known_people(tracks)
    assert [len(person.seen) for person in people] == [80, 40]
    faces, again = MadeFaces(people, 3), MadeFaces(people, 3)
    made = [faces.next() for _ in range(300)]
    assert np.isfinite(made).all() and all(np.array_equal(face, again.next()) for face in made[:5])

    points = np.stack([normalized(face) for face in made])
    answers = opening(points)
    weights = learn(Lessons(points[:250], answers[:250]), steps=80)
    network = DistilledBlendshapes(weights)
    apart = np.abs([network(face)[:MEASURED] for face in made[250:]] - answers[250:]).mean()
    assert apart < 0.5 * np.abs(answers[250:] - answers.mean(axis=0)).mean(), "on faces that it has not seen"

    theirs = track(9)
    own = Track(theirs.time_s, theirs.landmarks_px, np.stack([network(face) for face in theirs.landmarks_px]))
    found = measure(network, [own])
    assert found.worst < 1e-6 and found.trembling == pytest.approx(1)
    card = blendshapes_card([*tracks, (clip("cara", "test"), own)], 500, found, found)
    assert "| drawn here | Apache-2.0 | 3 |" in card and "2 people" in card
