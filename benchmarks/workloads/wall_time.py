"""From the start of a process to a fitted flow."""

from benchmarks.workloads.base import Metric, Workload


def job(peer, parameters, quick):
    """10,000 steps, in any case."""
    del peer
    return dict(
        parameters,
        D=2,
        S=500,
        target="example1",
        num_steps=500 if quick else 10_000,
    )


WORKLOAD = Workload(
    name="wall-time",
    title="Process start to fitted flow: `example1`, K = 16, S = 500, 10,000 steps",
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
    cases={"K = 16": {"K": 16}},
    metrics=(
        Metric("answered_seconds", "seconds to the fitted flow", ratio="low"),
        Metric("import_seconds", "import", digits=2),
        Metric("build_seconds", "build", digits=2),
        Metric("compile_seconds", "compile", digits=2),
        Metric("train_seconds", "train", digits=2),
        Metric("exit_seconds", "exit", digits=2),
        Metric("final_loss", "loss at the end, nats"),
    ),
    job=job,
    once=lambda peer, parameters: peer not in ("ours", "flowjax_scan", "flowjax_fit"),
)
