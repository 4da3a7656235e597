"""normflows: `nf.flows.Planar` layers and its `reverse_kld`, under PyTorch's Adam.

The base is `DiagGaussian` with `trainable=False`. `log_prob` of given points raises
`NotImplementedError`: its tanh layers have no inverse.
"""

import normflows as nf
import torch

from benchmarks.peers import rates, torch_targets, training
from benchmarks.peers.torch_training import TorchTrainer

PACKAGES = ("normflows", "torch", "numpy")


class Target:
    """What normflows calls a target: an object with `log_prob`."""

    def __init__(self, log_prob):
        self.log_prob = log_prob


def build_flow(job, target=None):
    """The flow, with the target that `reverse_kld` needs."""
    torch.manual_seed(0)
    base = nf.distributions.DiagGaussian(job["D"], trainable=False)
    layers = [nf.flows.Planar((job["D"],)) for _ in range(job["K"])]
    return nf.NormalizingFlow(base, layers, target)


def build(job):
    """The trainer."""
    flow = build_flow(job, Target(torch_targets.get(job["target"], job["D"])))
    return TorchTrainer(job, flow.parameters(), lambda: flow.reverse_kld(job["S"]))


@torch.no_grad()
def throughput(job):
    """Samples with their `log_prob` per second."""
    flow, n = build_flow(job), job["N"]
    x, _ = flow.sample(n)
    return dict(
        samples_per_second=rates.per_second(lambda: flow.sample(n), n, job["seconds"]),
        **rates.or_cannot(
            "log_probs_per_second",
            lambda: flow.log_prob(x),
            n,
            job["seconds"],
            NotImplementedError,
        ),
    )


TASKS = dict(training.tasks(build), throughput=throughput)
