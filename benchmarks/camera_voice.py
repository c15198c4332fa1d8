"""Is a camera that tracks badly, together with the voice, better than either alone?

Real talking clips nothing was trained on. The truth is what the camera alone gives when it tracks every frame well; the
bad camera sees every second frame, with noise on landmarks and coefficients. Compared are the avatar's landmarks: how
far the inner lips are apart, and where the lips and the chin are, in head units.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from avatar.face import mesh
from avatar.face.expression_basis import load_basis
from avatar.face.pose import to_head_frame
from avatar.generator.geometry import GeometryGenerator
from avatar.identities.open import open_identity
from avatar.media.video import clip_frames
from avatar.models.store import get_model
from avatar.motion.idle import IdleLife
from avatar.motion.mixer import MixState, mix
from avatar.motion.retarget import Retargeter
from avatar.motion.speech import speech_motions
from avatar.motion.voice_motion import VoiceMotion
from avatar.perception.speech.log_mel import RATE
from avatar.perception.tracker import FaceTracker
from avatar.types import F32, FaceState
from benchmarks import report
from benchmarks.media import SHARED
from training.speech_clips import read_sound, talking_clips

NOISE_SHARE = 0.03
"""Noise of the bad camera's landmarks, as a share of the distance between the outer eye corners."""
NOISE_COEFFICIENT = 0.08
LIPS = [*mesh.UPPER_INNER_LIP, *mesh.LOWER_INNER_LIP, *mesh.UPPER_OUTER_LIP, *mesh.LOWER_OUTER_LIP, mesh.CHIN]


def track(clip: Path, seconds: float) -> list[tuple[float, FaceState | None]]:
    """Return (seconds, face) of a clip's frames."""
    tracker = FaceTracker(get_model("face_landmarker"))
    try:
        return [(time_s, tracker.track(rgb, time_s)) for time_s, rgb in clip_frames(clip, until_s=seconds)]
    finally:
        tracker.close()


def spoiled(faces: list[tuple[float, FaceState | None]], seed: int = 0) -> list[tuple[float, FaceState | None]]:
    """Return what a bad camera makes of the same faces: half the frames, and noise."""
    rng = np.random.default_rng(seed)
    seen: list[tuple[float, FaceState | None]] = []
    last: FaceState | None = None
    for index, (time_s, face) in enumerate(faces):
        if index % 2 == 0 and face is not None:
            size = float(np.linalg.norm(np.subtract(*face.landmarks_px[list(mesh.OUTER_EYE_CORNERS), :2])))
            last = replace(
                face,
                landmarks_px=face.landmarks_px
                + rng.normal(0, NOISE_SHARE * size, face.landmarks_px.shape).astype(np.float32),
                blendshapes=np.clip(face.blendshapes + rng.normal(0, NOISE_COEFFICIENT, 52), 0, 1).astype(np.float32),
            )
        seen.append((time_s, None if last is None else replace(last, time_s=time_s)))
    return seen


def play(
    generator: GeometryGenerator, faces: list[tuple[float, FaceState | None]] | None, voices: list[VoiceMotion] | None,
    times: list[float],
) -> F32:  # fmt: skip
    """Return the avatar's lips and chin over time, (n, 37, 3), head units, moved by a camera, a voice or both."""
    retargeter, idle, state = Retargeter(load_basis()), IdleLife(), MixState()
    rows = []
    for index, time_s in enumerate(times):
        face = faces[index][1] if faces is not None else None
        camera = retargeter.motion(face) if face is not None else None
        voice = voices[index] if voices is not None else None
        state, motion = mix(state, face, camera, idle.motion(time_s), voice=voice)
        pose = generator.rig.pose(motion)
        rows.append(to_head_frame(generator.rig.landmarks(motion, pose), pose)[LIPS])
    return np.array(rows)


def gap(points: F32) -> F32:
    """Return the distance between the inner lips, (n,), of lips over time (n, 37, 3)."""
    half = len(mesh.UPPER_INNER_LIP)
    return np.asarray(points[:, half + half // 2, 1] - points[:, half // 2, 1])


def main() -> None:
    """Run the benchmark."""
    arguments = report.parser(__doc__ or "")
    arguments.add_argument("--clips", type=Path, default=SHARED, help="folder with MANIFEST.csv and talking clips")
    arguments.add_argument("--face", default="mira", help="a photo, .avatar file or built-in id")
    arguments.add_argument("--seconds", type=float, default=8.0)
    chosen = arguments.parse_args()
    if not (chosen.clips / "MANIFEST.csv").exists():
        raise SystemExit("There are no clips here: give --clips DIR with a MANIFEST.csv.")
    generator = GeometryGenerator(open_identity(chosen.face), (384, 384))
    rows: list[tuple[str, float, float, float, float, float, float]] = []
    for clip in talking_clips(chosen.clips, chosen.clips / "MANIFEST.csv", "test"):
        faces = track(clip.path, chosen.seconds)
        times = [time_s for time_s, _ in faces]
        heard = [max(time_s + clip.lag_s, 0.0) for time_s in times]
        voices = speech_motions(read_sound(clip.path), RATE, heard)
        truth = play(generator, faces, None, times)
        bad = spoiled(faces)
        used = slice(len(times) // 8, None)  # the resting face is found in the first second
        errors: list[float] = []
        for with_faces, with_voices in ((bad, None), (None, voices), (bad, voices)):
            found = play(generator, with_faces, with_voices, times)
            errors += [
                float(np.abs(gap(found) - gap(truth))[used].mean()),
                float(np.linalg.norm((found - truth)[used, :, :2], axis=2).mean()),
            ]
        rows.append((clip.path.stem, *errors))  # type: ignore[arg-type]
        print(f"{clip.path.stem}: " + " ".join(f"{error:.4f}" for error in errors), flush=True)
    print()
    header = ("clip", "camera gap", "camera lips", "voice gap", "voice lips", "both gap", "both lips")
    report.table(header, rows)
    names = (
        "camera_jaw_error",
        "camera_lip_error",
        "voice_jaw_error",
        "voice_lip_error",
        "both_jaw_error",
        "both_lip_error",
    )
    figures = {name: report.median(row[index + 1] for row in rows) for index, name in enumerate(names)}  # type: ignore[misc]
    report.finish(figures, {"both_jaw_error": "< either", "both_lip_error": "< either"}, chosen.json)


if __name__ == "__main__":
    main()
