"""Random-walk Metropolis on `example1`, over the number of chains."""

from benchmarks.workloads.base import Metric, Workload

_STEPS = {1: 50_000, 10: 50_000, 100: 50_000, 1_000: 20_000, 10_000: 4_000}
# Its seconds are the difference of two runs, which compile: they must be more than those.
_OUR_STEPS = {1: 20_000_000, 10: 3_000_000, 100: 600_000, 1_000: 100_000, 10_000: 8_000}


def job(peer, parameters, quick):
    """Steps of each chain, so that a run takes a second or more."""
    steps = (_OUR_STEPS if peer == "ours" else _STEPS)[parameters["num_chains"]]
    return dict(parameters, num_steps=steps // 20 if quick else steps)


def skips(peer, parameters):
    """The Python loops run one chain."""
    return peer.startswith("numpy") and parameters["num_chains"] > 1


WORKLOAD = Workload(
    name="mcmc",
    title="Random-walk Metropolis: `example1`, transitions of all chains",
    peers=("ours", "blackjax", "numpy_lean", "numpy_predecessor"),
    cases={f"{n:,} chains": {"num_chains": n} for n in _STEPS},
    metrics=(
        Metric("transitions_per_second", "transitions per second", ratio="high"),
        Metric(
            "rate_of_ten_seconds",
            "transitions per second of a run of 10 s, compilation included",
            ratio="high",
        ),
        Metric("compile_seconds", "seconds to trace and compile", digits=2),
        Metric("acceptance", "acceptance rate"),
    ),
    job=job,
    skips=skips,
)
