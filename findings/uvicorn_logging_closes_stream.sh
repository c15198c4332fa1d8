#!/usr/bin/env bash
# uvicorn 0.54.0 beside absl-py 2.5.1 (which MediaPipe imports), both from PyPI: to make a `uvicorn.Config` can close the
# stream that stderr was redirected to while absl was imported.
#
# What is surprising: no handler of one's own is involved. uvicorn's default `log_config` goes through
# `logging.config.dictConfig`, which shuts down every handler there is; absl makes one when it is imported, for the
# `sys.stderr` of that moment, and its `close` closes the stream unless it is the `sys.stderr` of now. A test runner or
# notebook that captures output loses it. With `log_config=None` nothing is closed.
#
# Output seen:
#   after uvicorn.Config(app): closed
#   after uvicorn.Config(app, log_config=None): open
#
# Exits 0 while that is so, 1 when the stream stays open, or is closed in spite of `log_config=None`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check absl-py==2.5.1 uvicorn==0.54.0
cat > "$folder/run.py" <<'PY'
import io
import sys

import uvicorn

terminal, sys.stderr = sys.stderr, io.StringIO()
import absl.logging  # noqa: E402,F401

captured, sys.stderr = sys.stderr, terminal
settings = {"log_config": None} if "without" in sys.argv else {}
uvicorn.Config(lambda: None, **settings)
print("closed" if captured.closed else "open")
PY
plain=$("$folder/venv/bin/python" "$folder/run.py")
without=$("$folder/venv/bin/python" "$folder/run.py" without)
echo "after uvicorn.Config(app): $plain"
echo "after uvicorn.Config(app, log_config=None): $without"
[ "$plain" = closed ] && [ "$without" = open ]
