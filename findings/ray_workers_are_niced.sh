#!/usr/bin/env bash
# ray 2.60.0 on Linux: its worker processes, and so the replicas of Ray Serve, run at niceness 15 (that of the process
# that started Ray, and 15 more, 19 at most): beside anything of normal priority they get a thirtieth of its processor
# time. That is right for batch work that should not starve Ray's own processes; a Serve replica that has to answer in
# time is slow on a busy machine, and nothing says why. The variable RAY_worker_niceness, read when Ray is started, sets
# the 15; of its Python code only the job manager names it.
#
# Seen (program at niceness 0):
#   as it comes               worker niceness, relative to the program: 15
#   RAY_worker_niceness=0     worker niceness, relative to the program: 0
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ray==2.60.0
cat > "$folder/look.py" <<'PYTHON'
import os
import sys

if len(sys.argv) > 1:
    os.environ["RAY_worker_niceness"] = sys.argv[1]
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
import ray

ray.init(address="local", include_dashboard=False, num_cpus=1, logging_level="error", log_to_driver=False)


@ray.remote
def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, 0)


own, worker = os.getpriority(os.PRIO_PROCESS, 0), ray.get(niceness.remote())
ray.shutdown()
label = f"RAY_worker_niceness={sys.argv[1]}" if len(sys.argv) > 1 else "as it comes"
print(f"{label:<25} worker niceness, relative to the program: {worker - own}")
wanted = own if len(sys.argv) > 1 else min(own + 15, 19)
assert worker == wanted, "Ray's workers now have another niceness"
PYTHON
"$folder/venv/bin/python" "$folder/look.py"
"$folder/venv/bin/python" "$folder/look.py" 0
