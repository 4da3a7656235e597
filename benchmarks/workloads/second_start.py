"""From the start of a process to a fitted flow that an earlier process has compiled."""

import pathlib
import tempfile

from benchmarks.workloads import wall_time
from benchmarks.workloads.base import Metric, Workload

# A folder for each peer.
_FOLDER = pathlib.Path(tempfile.gettempdir()) / "tfp_flows-second-start"


def job(peer, parameters, quick):
    """That of `wall-time`, with a folder for what is compiled, which begins empty."""
    return wall_time.job(peer, parameters, quick) | dict(compiled=str(_FOLDER / peer))


WORKLOAD = Workload(
    name="second-start",
    title="Process start to fitted flow, with a folder for what was compiled: "
    "`example1`, K = 16, S = 500, 10,000 steps",
    peers=("ours", "flowjax_scan", "flowjax_fit"),
    cases={
        "first process": {"K": 16, "is_first": True},
        "second process": {"K": 16, "is_first": False},
    },
    metrics=(
        Metric("answered_seconds", "Seconds to the fitted flow", ratio="low"),
        Metric("compile_seconds", "Trace and compile, seconds", digits=2),
    ),
    job=job,
)
