"""Peak memory of a training step of many layers on large events."""

from benchmarks.workloads import large_step_time
from benchmarks.workloads.base import CHAINS, EAGER, MEMORY, Metric, Workload


def job(peer, parameters, quick):
    """A few steps; their time is reported too."""
    del quick
    steps = 1 if peer in EAGER else 2
    return dict(parameters, target="gaussian", num_steps=8, block=steps, seconds=0.0)


WORKLOAD = Workload(
    name="memory",
    title="Memory of a training step: a Gaussian, K = 64, D = 2,048, S = 1,024",
    peers=large_step_time.PEERS,
    cases={"K = 64": {"K": 64, "D": 2048, "S": 1024}},
    metrics=(
        *reversed(MEMORY),
        Metric("microseconds_per_step", "µs per step"),
    ),
    job=job,
    once=lambda peer, parameters: peer in CHAINS,
)
