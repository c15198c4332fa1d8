#!/usr/bin/env bash
# PyAV 18.1.0 (FFmpeg 8.1): a movie whose end did not fit on the disk is closed without an error.
#
# What is surprising: while packets are added, a full disk raises an OSError. What is written last, at `close()`, is not
# looked at: the call returns, and the file ends in the middle. Who closes a movie has to look at the file himself.
#
# A limit on the size of files stands in for the disk; writing fails alike (EFBIG in place of ENOSPC).
#
# Output seen:
#   whole      close() returned, 111752 bytes, 60 pictures
#   cut off    close() returned, 55876 bytes, no movie
#
# Exits 0 while that is so, 1 when one of them behaves otherwise.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet av==18.1.0 numpy==2.4.6
cat > "$folder/show.py" <<'PY'
import resource
import signal
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then writing fails, as on a full disk, instead of ending the program


def make(name, most_bytes):
    path = Path(sys.argv[1]) / name
    movie = av.open(str(path), "w", format="mp4", options={"movflags": "frag_keyframe+empty_moov"})
    video = movie.add_stream("libx264", rate=30)
    video.width = video.height = 64
    video.pix_fmt = "yuv420p"
    video.options = {"tune": "zerolatency", "x264-params": "keyint=999"}
    noise = np.random.default_rng(0)
    for index in range(60):
        frame = av.VideoFrame.from_ndarray(noise.integers(0, 60, (96, 64)).astype(np.uint8), "yuv420p")
        frame.pts, frame.time_base = index, Fraction(1, 30)
        movie.mux(video.encode(frame))
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, resource.RLIM_INFINITY))
    try:
        movie.close()
        told = "close() returned"
    except OSError as error:
        told = f"close() raised {type(error).__name__}"
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    try:
        with av.open(str(path)) as found:
            shown = f"{sum(1 for _ in found.decode(video=0))} pictures"
    except (av.FFmpegError, IndexError):
        shown = "no movie"
    size = path.stat().st_size
    return told, size, shown


told, size, shown = make("whole.mp4", resource.RLIM_INFINITY)
print(f"whole      {told}, {size} bytes, {shown}")
cut = make("cut.mp4", size // 2)
print(f"cut off    {cut[0]}, {cut[1]} bytes, {cut[2]}")
raise SystemExit(0 if cut[0] == "close() returned" and cut[1] == size // 2 and cut[2] != shown else 1)
PY
"$folder/venv/bin/python" "$folder/show.py" "$folder"
