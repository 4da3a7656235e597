"""Sampling, and the density of the samples."""

from benchmarks.workloads.base import Metric, Workload


def job(peer, parameters, quick):
    """Batches of 100,000."""
    del peer
    return dict(parameters, N=100_000, seconds=0.2 if quick else 2.0)


WORKLOAD = Workload(
    name="throughput",
    title="Sampling: K = 16, D = 2, batches of 100,000",
    peers=("ours", "flowjax_scan", "normflows", "pyro"),
    cases={"K = 16": {"K": 16, "D": 2}},
    metrics=(
        Metric("samples_per_second", "samples with `log_prob`, per second", ratio="high"),
        Metric("log_probs_per_second", "`log_prob` of these numbers later, per second"),
        Metric("compile_seconds", "seconds to compile", digits=2),
    ),
    job=job,
)
