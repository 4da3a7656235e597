"""FlowJAX's flows, built for fast sampling (`invert=False`), in one compiled loop."""

import equinox as eqx
import jax
import jax.numpy as jnp
import paramax
from flowjax import flows
from flowjax.bijections import RationalQuadraticSpline
from flowjax.distributions import StandardNormal

from benchmarks.time_to_kl.densities import DENSITIES
from benchmarks.time_to_kl.workers.jax_loop import Trainer
from benchmarks.time_to_kl.workers.protocol import answer


def build_flow(form, density, key):
    """The flow of a form, over a standard normal, which has no parameters."""
    base = StandardNormal((density.event_size,))
    options = dict(base_dist=base, invert=False)
    if form == "planar":
        return flows.planar_flow(key, flow_layers=16, **options)
    if form == "coupling":
        # 4 and 8 layers, 8 and 16 knots, and other intervals were tried on example3.
        spline = RationalQuadraticSpline(knots=10, interval=density.extent)
        return flows.coupling_flow(key, transformer=spline, flow_layers=6, **options)
    if form == "autoregressive":
        return flows.masked_autoregressive_flow(key, flow_layers=8, **options)
    if form == "block":
        return flows.block_neural_autoregressive_flow(key, flow_layers=2, **options)
    return flows.triangular_spline_flow(key, flow_layers=8, **options)


def build(job):
    """The trainer of a job."""
    density = DENSITIES[job["target"]]

    def initialize(key):
        parameters, static = eqx.partition(
            build_flow(job["form"], density, key),
            eqx.is_inexact_array,
            is_leaf=lambda leaf: isinstance(leaf, paramax.NonTrainable),
        )

        def sample_and_log_prob(parameters, key, num_samples):
            flow = paramax.unwrap(eqx.combine(parameters, static))
            return flow.sample_and_log_prob(key, (num_samples,))

        return jax.tree.map(jnp.asarray, parameters), sample_and_log_prob

    return Trainer(job["target"], initialize)


if __name__ == "__main__":
    answer(build, ("flowjax", "jax", "equinox", "optax", "numpy"))
