"""Eight flows trained as one batch, beside a single one."""

from benchmarks.workloads.base import Metric, Workload


def job(peer, parameters, quick):
    """One fit of K = 16 on `example1`."""
    del peer
    return dict(
        parameters,
        K=16,
        D=2,
        S=256,
        target="example1",
        num_steps=1_000 if quick else 10_000,
    )


WORKLOAD = Workload(
    name="restarts",
    title="Restarts as a batch of flows: `example1`, K = 16, S = 256",
    peers=("ours",),
    cases={"R = 1": {"batch_shape": []}, "R = 8": {"batch_shape": [8]}},
    metrics=(
        Metric("microseconds_per_step", "µs per step", ratio="low"),
        Metric("compile_seconds", "seconds to trace and compile", digits=2),
        Metric("fit_seconds", "seconds of the whole fit, 10,000 steps", ratio="low"),
    ),
    job=job,
    compare_cases=True,
)
