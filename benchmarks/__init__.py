"""One command per claim: `python -m benchmarks.NAME --json FILE`."""
