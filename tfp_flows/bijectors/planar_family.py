"""The family of planar layers."""

import dataclasses
import math
from collections.abc import Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.bijectors.family import Family
from tfp_flows.bijectors.planar import Planar
from tfp_flows.bijectors.planar_stack import PlanarStack

# softplus(x) = 1 here.
_ONE = math.log(math.e - 1.0)


@dataclasses.dataclass(frozen=True)
class PlanarFamily(Family):
    """K planar layers; see `Planar` for the formulas and `Family` for the arguments.

    They start with normals `w ~ N(0, 2 / D)`, so that pre-activations are of order 1 at
    any D; offsets `b` that lay the hyperplanes through points drawn from `N(0, 1.5^2)`,
    so that they cover the mass of a standard normal (with `b = 0` they would all pass
    through the origin, and more fits end in a poor optimum); and displacements `u_hat` of
    order `init_scale`.
    """

    name = "planar"
    stack_class, layer_class = PlanarStack, Planar

    def initial_values(
        self,
        event_size: int,
        *,
        seed: tf.Tensor,
        dtype: tf.DType,
        batch_shape: Sequence[int] = (),
    ) -> dict[str, tf.Tensor]:
        """As of `Family`: `u` and `w` of shape `[..., K, D]`, `b` of shape `[..., K]`."""
        shape = (*batch_shape, self.num_layers, event_size)
        w_seed, u_seed, b_seed = tfp.random.split_seed(seed, n=3, salt="planar_flow")
        w = tf.random.stateless_normal(shape, w_seed, dtype=dtype)
        w *= math.sqrt(2.0 / event_size)
        noise = tf.random.stateless_normal(shape, u_seed, dtype=dtype)
        # u = log(e - 1) w / ||w||^2 is the identity; u = 0 is not.
        identity = w / tf.reduce_sum(tf.square(w), axis=-1, keepdims=True)
        u = _ONE * identity + self.init_scale * noise
        points = 1.5 * tf.random.stateless_normal(shape, b_seed, dtype=dtype)
        return dict(u=u, w=w, b=-tf.reduce_sum(w * points, axis=-1))
