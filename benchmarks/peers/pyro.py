"""Pyro: `pyro.distributions.transforms.Planar` layers under PyTorch's Adam.

The loss is written out, the mean of log q - log p over `rsample`s of the
`TransformedDistribution`, which spares the overhead of Pyro's `SVI` and its parameter
store. `log_prob` of its own samples reads the transforms' caches; of other points it
raises `KeyError`, as the layers have no inverse.
"""

import torch
from pyro.distributions import Normal, TransformedDistribution
from pyro.distributions.transforms import Planar

from benchmarks.peers import rates, torch_targets, training
from benchmarks.peers.torch_training import TorchTrainer

PACKAGES = ("pyro-ppl", "torch", "numpy")


def build_flow(job):
    """The flow and its parameters."""
    torch.manual_seed(0)
    layers = [Planar(job["D"]) for _ in range(job["K"])]
    base = Normal(torch.zeros(job["D"]), torch.ones(job["D"])).to_event(1)
    parameters = [p for layer in layers for p in layer.parameters()]
    return TransformedDistribution(base, layers), parameters


def build(job):
    """The trainer."""
    flow, parameters = build_flow(job)
    log_prob = torch_targets.get(job["target"], job["D"])

    def loss():
        flow.clear_cache()
        x = flow.rsample([job["S"]])
        return (flow.log_prob(x) - log_prob(x)).mean()

    return TorchTrainer(job, parameters, loss)


@torch.no_grad()
def throughput(job):
    """Samples with their `log_prob` per second."""
    flow, _ = build_flow(job)
    n = job["N"]

    def run():
        flow.clear_cache()
        x = flow.sample([n])
        return x, flow.log_prob(x)

    x, _ = run()
    given = x.clone()
    return dict(
        samples_per_second=rates.per_second(run, n, job["seconds"]),
        **rates.or_cannot(
            "log_probs_per_second",
            lambda: flow.log_prob(given),
            n,
            job["seconds"],
            KeyError,
        ),
    )


TASKS = dict(training.tasks(build), throughput=throughput)
