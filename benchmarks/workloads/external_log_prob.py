"""The density at points that the flow did not draw."""

from benchmarks.workloads.base import Metric, Workload


def job(peer, parameters, quick):
    """10,000 points at once for `ours`, 1,000 for the roots one by one."""
    num_points = 10_000 if peer == "ours" else 1_000
    return dict(parameters, N=num_points, seconds=0.2 if quick else 2.0)


WORKLOAD = Workload(
    name="external-log-prob",
    title="`log_prob` of points that the flow did not draw: K = 16, D = 2",
    peers=("ours", "scipy_root"),
    cases={"K = 16": {"K": 16, "D": 2}},
    metrics=(Metric("log_probs_per_second", "points per second", ratio="high"),),
    job=job,
)
