#!/usr/bin/env bash
# PyAV 18.1.0 (FFmpeg 8.1): while one track of a fragmented MP4 gets nothing, ten seconds of the other are not written.
#
# What is surprising: fragments are asked for each half second, and each packet is to be flushed; with both tracks fed that is
# so. Where sound pauses, the muxer waits for its next packet to put the two in order, for `max_interleave_delta`, which is
# ten seconds: a recording that is killed then has lost them. `max_interleave_delta` of 300 ms keeps the loss small.
#
# Output seen, fragments in the file after 6 s of pictures and no sound:
#   as it comes                    0
#   max_interleave_delta 300 ms  169   (nearly each picture by itself)
#
# Exits 0 while that is so, 1 when one of them behaves otherwise.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet av==18.1.0 numpy==2.4.6
cat > "$folder/show.py" <<'PY'
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

OPTIONS = {
    "movflags": "frag_keyframe+empty_moov+default_base_moof",
    "frag_duration": "500000",
    "flush_packets": "1",
}


def fragments(name, more):
    path = Path(sys.argv[1]) / name
    movie = av.open(str(path), "w", format="mp4", options=OPTIONS | more)
    video = movie.add_stream("libx264", rate=30)
    video.width = video.height = 64
    video.pix_fmt, video.codec_context.time_base = "yuv420p", Fraction(1, 30)
    video.options = {"tune": "zerolatency", "x264-params": "keyint=15"}
    movie.add_stream("aac", rate=48_000)
    for index in range(180):
        frame = av.VideoFrame.from_ndarray(np.full((96, 64), index, np.uint8), "yuv420p")
        frame.pts, frame.time_base = index, Fraction(1, 30)
        movie.mux(video.encode(frame))
    written = path.read_bytes().count(b"moof")  # as a program that is killed now leaves it
    movie.close()
    return written


plain, short = fragments("plain.mp4", {}), fragments("short.mp4", {"max_interleave_delta": "300000"})
print(f"as it comes                  {plain:3}\nmax_interleave_delta 300 ms  {short:3}")
raise SystemExit(0 if plain == 0 and short >= 10 else 1)
PY
"$folder/venv/bin/python" "$folder/show.py" "$folder"
