"""One training step on `example1`, over the number of layers."""

from benchmarks.workloads.base import CHAINS, EAGER, Metric, Workload


def job(peer, parameters, quick):
    """Blocks of some 0.1 s at least; `ours` makes one fit of `num_steps`."""
    block = 20 if peer in EAGER else 500
    return dict(
        parameters,
        D=2,
        S=500,
        target="example1",
        num_steps=3_000 if quick else 30_000,
        block=min(block, 100) if quick else block,
        seconds=0.2 if quick else 1.5,
    )


WORKLOAD = Workload(
    name="step-time",
    title="Training step: `example1`, planar layers, D = 2, S = 500, Adam at 1e-3",
    peers=(
        "ours",
        "flowjax_scan",
        "flowjax_fit",
        "tfb_chain_xla",
        "tf1_graph",
        "tfb_chain",
        "normflows",
        "pyro",
    ),
    cases={f"K = {K}": {"K": K} for K in (4, 16, 32, 64)},
    metrics=(
        Metric("microseconds_per_step", "µs per step", ratio="low"),
        Metric("compile_seconds", "seconds to trace and compile", digits=2),
    ),
    job=job,
    once=lambda peer, parameters: (
        peer in CHAINS or (peer in EAGER and parameters["K"] >= 32)
    ),
)
