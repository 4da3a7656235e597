"""normflows: neural spline couplings, and residual flows where their density is exact.

Residual layers are x + net(x) in the direction of sampling. Their log determinant is
exact in the plane alone (`brute_force`); between them are affine maps, as a layer doubles
a length at most.
"""

import normflows as nf

from benchmarks.time_to_kl.densities import DENSITIES
from benchmarks.time_to_kl.workers.protocol import answer
from benchmarks.time_to_kl.workers.torch_loop import Trainer

# Power iterations after each step that keep the nets contractions.
_NUM_ITERATIONS = 5


def residual_layers(density):
    """Eight residual layers, and affine maps."""
    for _ in range(8):
        net = nf.nets.LipschitzMLP([density.event_size, 32, 32, density.event_size])
        yield nf.flows.Residual(net, reverse=False, brute_force=True)
        yield nf.flows.AffineConstFlow((density.event_size,))


def spline_layers(density):
    """Four couplings, and linear maps."""
    for i in range(4):
        yield nf.flows.CoupledRationalQuadraticSpline(
            density.event_size, 1, 64, tail_bound=density.extent, reverse_mask=i % 2 == 1
        )
        yield nf.flows.LULinearPermute(density.event_size)


class ResidualTrainer(Trainer):
    """Keeps the nets contractions."""

    def train(self, settings):
        """See `protocol`."""
        return super().train(
            settings,
            after_step=lambda flow: nf.utils.update_lipschitz(flow, _NUM_ITERATIONS),
        )


def build(job):
    """The trainer of a job."""
    density = DENSITIES[job["target"]]
    layers = dict(residual=residual_layers, spline=spline_layers)[job["form"]]

    def initialize():
        base = nf.distributions.DiagGaussian(density.event_size, trainable=False)
        flow = nf.NormalizingFlow(base, list(layers(density)))
        return flow, flow.sample

    trainer = ResidualTrainer if job["form"] == "residual" else Trainer
    return trainer(job["target"], initialize)


if __name__ == "__main__":
    answer(build, ("normflows", "torch", "numpy"))
