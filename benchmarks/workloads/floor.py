"""The rates of this machine, from which `benchmarks/floor.py` derives lower bounds."""

from benchmarks.workloads.base import Metric, Workload

RATES = {
    "multiply_adds": "multiply-adds",
    "tanh": "tanh",
    "exp": "exp",
    "log": "log",
    "normals": "random normals",
    "copied_bytes": "bytes read or written by a copy",
    "matmul": "multiply-adds of [1024, 512] x [512, 32]",
}


def job(peer, parameters, quick):
    """Each rate over some time."""
    del peer
    return dict(parameters, seconds=0.05 if quick else 0.5)


WORKLOAD = Workload(
    name="floor",
    title="Rates of this machine, float32, in billions per second",
    peers=("floor",),
    cases={"NumPy": {"library": "numpy"}, "TF with XLA": {"library": "xla"}},
    metrics=tuple(Metric(key, label) for key, label in RATES.items()),
    job=job,
)
