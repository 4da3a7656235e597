"""FlowJAX: `log_prob` of given points by `NumericalInverse` and a root of optimistix.

FlowJAX's tanh planar layers raise for it; its `NumericalInverse` takes any inverter and
gives gradients by the implicit function theorem. What a user has to add is here: a root
finder for a layer, and the layers with the numbers of a fitted flow, whose constraint is
the paper's (FlowJAX has another one). The layers are inverted one by one. Of optimistix's
finders Levenberg-Marquardt found the roots of all points; Newton's method, four times as
fast, was off by up to 6 nats.
"""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx
from flowjax.bijections import Chain, NumericalInverse
from flowjax.bijections.planar import _UnconditionalPlanar
from flowjax.distributions import StandardNormal, Transformed

from benchmarks.peers import given_points, rates, scipy_root

PACKAGES = ("flowjax", "optimistix", "jax", "jaxlib", "equinox")


class GivenPlanar(_UnconditionalPlanar):
    """FlowJAX's layer, with u_hat as given."""

    def get_act_scale(self):
        """u_hat."""
        return self._act_scale


def inverter(solver):
    """The map from a layer and y to x, by roots of f(x) - y from x = y on."""

    def invert(bijection, y, condition=None):
        def gap(x, _):
            return bijection.transform(x, condition) - y

        return optx.root_find(gap, solver, y, max_steps=500, throw=False).value

    return invert


def build_flow(solver):
    """The fitted flow."""
    layers = [
        NumericalInverse(GivenPlanar(w, u_hat, b), inverter(solver))
        for u_hat, w, b in zip(
            *(jnp.asarray(p, jnp.float32) for p in scipy_root.parameters()), strict=True
        )
    ]
    return Transformed(StandardNormal((2,)), Chain(layers))


def external_log_prob(job):
    """`log_prob` of points that the flow did not draw, and its gradients."""
    flow = build_flow(optx.LevenbergMarquardt(rtol=1e-6, atol=1e-6))
    points = jnp.asarray(given_points.points(job["N"]))
    value = eqx.filter_jit(lambda x: flow.log_prob(x))
    gradient = eqx.filter_jit(jax.vmap(jax.value_and_grad(flow.log_prob)))

    def run(function):
        return jax.block_until_ready(function(points))

    values, gradients = (np.asarray(a) for a in run(gradient))
    run(value)
    exact = functools.partial(scipy_root.log_prob, *scipy_root.parameters())
    return dict(
        log_probs_per_second=rates.per_second(
            lambda: run(value), job["N"], job["seconds"]
        ),
        gradients_per_second=rates.per_second(
            lambda: run(gradient), job["N"], job["seconds"]
        ),
        **given_points.judge(exact, values, gradients),
    )


TASKS = {"external-log-prob": external_log_prob}
