"""zuko's flows, inverted for fast sampling, as in its tutorial on energies."""

import functools

import zuko
from zuko.transforms import MonotonicRQSTransform

from benchmarks.time_to_kl.densities import DENSITIES
from benchmarks.time_to_kl.workers.protocol import answer
from benchmarks.time_to_kl.workers.torch_loop import Trainer

NUM_BINS = 8


def build_flow(form, density):
    """The flow of a form; splines as of `zuko.flows.NSF`, on a wider interval."""
    if form == "autoregressive":
        return zuko.flows.MAF(density.event_size, transforms=5)
    spline = functools.partial(MonotonicRQSTransform, bound=density.extent, slope=1e-3)
    shapes = [(NUM_BINS,), (NUM_BINS,), (NUM_BINS - 1,)]
    return zuko.flows.MAF(
        density.event_size, transforms=3, univariate=spline, shapes=shapes
    )


def build(job):
    """The trainer of a job."""

    def initialize():
        flow = build_flow(job["form"], DENSITIES[job["target"]])
        flow = zuko.flows.Flow(flow.transform.inv, flow.base)
        return flow, lambda n: flow().rsample_and_log_prob((n,))

    return Trainer(job["target"], initialize)


if __name__ == "__main__":
    answer(build, ("zuko", "torch", "numpy"))
