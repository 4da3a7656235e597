"""Runs one job in this process and prints its numbers as one line of JSON.

python -m benchmarks.peers '{"module": "pyro", "task": "step-time", ...}'
"""

import importlib
import importlib.metadata
import json
import sys
import time


def run(job):
    """The numbers of `job`, with the time to import its libraries and their versions."""
    started = time.perf_counter()
    module = importlib.import_module(f"benchmarks.peers.{job['module']}")
    import_seconds = time.perf_counter() - started
    numbers = module.TASKS[job["task"]](job)
    versions = {name: importlib.metadata.version(name) for name in module.PACKAGES}
    return dict(numbers, import_seconds=import_seconds, versions=versions)


if __name__ == "__main__":
    answer = run(json.loads(sys.argv[1]))
    print("\n" + json.dumps(answer, allow_nan=False), flush=True)
