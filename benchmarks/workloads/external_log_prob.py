"""The density of a fitted flow at points that it did not draw."""

from benchmarks.workloads.base import Metric, Workload


def job(peer, parameters, quick):
    """10,000 points at once for `ours`, 1,000 for those that take seconds for more."""
    num_points = 10_000 if peer == "ours" else 1_000
    return dict(parameters, N=num_points, seconds=0.2 if quick else 2.0)


WORKLOAD = Workload(
    name="external-log-prob",
    title="`log_prob` of given points, of a flow fitted to `example1`: K = 16, D = 2",
    peers=("ours", "flowjax_inverse", "scipy_root"),
    cases={"K = 16": {"K": 16, "D": 2}},
    metrics=(
        Metric("log_probs_per_second", "points per second", ratio="high"),
        Metric("gradients_per_second", "with gradients", ratio="high"),
        Metric("finite_gradients", "share of gradients that are finite"),
        Metric("median_error", "median error, 1e-6 nats", digits=2),
        Metric("worst_error", "worst error, 1e-6 nats", digits=2),
    ),
    job=job,
)
