"""One training step on a Gaussian, over the size of the event."""

from benchmarks.workloads.base import CHAINS, MEMORY, Metric, Workload

PEERS = ("ours", "flowjax_scan", "tfb_chain_xla", "tfb_chain", "normflows", "pyro")

# Steps per block, and those of the one fit of `ours`, which takes some two seconds.
_BLOCKS = {2: 50, 16: 50, 128: 10, 512: 5, 2048: 2}
_STEPS = {2: 10_000, 16: 4_000, 128: 1_500, 512: 600, 2048: 150}


def job(peer, parameters, quick):
    """Blocks of steps; `ours` makes one fit."""
    del peer
    D = parameters["D"]
    return dict(
        parameters,
        target="gaussian",
        num_steps=_STEPS[D] // 10 if quick else _STEPS[D],
        block=_BLOCKS[D],
        seconds=0.1 if quick else 1.5,
    )


WORKLOAD = Workload(
    name="large-step-time",
    title="Training step of large events: a Gaussian, K = 32, S = 1,024",
    peers=PEERS,
    cases={f"D = {D}": {"D": D, "K": 32, "S": 1024} for D in _BLOCKS},
    metrics=(
        Metric("microseconds_per_step", "µs per step", ratio="low"),
        Metric("compile_seconds", "seconds to trace and compile", digits=2),
        *MEMORY,
    ),
    job=job,
    once=lambda peer, parameters: peer in CHAINS,
)
