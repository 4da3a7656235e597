"""The family of radial layers."""

import dataclasses
import math
from collections.abc import Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.bijectors.family import Family
from tfp_flows.bijectors.radial import Radial
from tfp_flows.bijectors.radial_stack import RadialStack

# softplus(x) = 1 here.
_ONE = math.log(math.e - 1.0)


@dataclasses.dataclass(frozen=True)
class RadialFamily(Family):
    """K radial layers; see `Radial` for the formulas and `Family` for the arguments.

    They start with centers drawn from a standard normal, `alpha = 1`, and `beta` within
    `init_scale` of `softplus^-1(alpha)`, which is the identity.
    """

    name = "radial"
    stack_class, layer_class = RadialStack, Radial

    def initial_values(
        self,
        event_size: int,
        *,
        seed: tf.Tensor,
        dtype: tf.DType,
        batch_shape: Sequence[int] = (),
    ) -> dict[str, tf.Tensor]:
        """As of `Family`: `center` `[..., K, D]`, `alpha` and `beta` `[..., K]`.

        Raises:
          TypeError: if `dtype` is bfloat16.
        """
        if dtype == tf.bfloat16:
            raise TypeError(
                "Radial layers keep `alpha` positive by tfb.Softplus, which does not "
                "know bfloat16; pass dtype=tf.float32."
            )
        shape = (*batch_shape, self.num_layers)
        center_seed, beta_seed = tfp.random.split_seed(seed, n=2, salt="radial_flow")
        center = tf.random.stateless_normal(
            (*shape, event_size), center_seed, dtype=dtype
        )
        noise = tf.random.stateless_normal(shape, beta_seed, dtype=dtype)
        return dict(
            center=center,
            alpha=tf.ones(shape, dtype),
            beta=_ONE + self.init_scale * noise,
        )
