"""What the progress bar and its chunks cost."""

from benchmarks.workloads.base import Metric, Workload


def job(peer, parameters, quick):
    """One fit of K = 16 on `example1`."""
    del peer
    return dict(
        parameters,
        K=16,
        D=2,
        S=500,
        target="example1",
        num_steps=3_000 if quick else 30_000,
    )


WORKLOAD = Workload(
    name="chunks",
    title="Progress bar and chunks, beside one call: `example1`, K = 16, S = 500",
    peers=("ours",),
    cases={
        "one chunk, no bar": {"one_chunk": True},
        "default chunks, with bar": {"one_chunk": False},
    },
    metrics=(Metric("microseconds_per_step", "µs per step", digits=4, ratio="low"),),
    job=job,
    compare_cases=True,
)
