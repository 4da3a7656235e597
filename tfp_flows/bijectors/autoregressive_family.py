"""The family of autoregressive layers."""

import dataclasses
import math
from collections.abc import Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import numerics
from tfp_flows.bijectors.autoregressive import Autoregressive
from tfp_flows.bijectors.autoregressive_layer import degrees
from tfp_flows.bijectors.autoregressive_stack import AutoregressiveStack
from tfp_flows.bijectors.family import Family


@dataclasses.dataclass(frozen=True)
class AutoregressiveFamily(Family):
    """K autoregressive layers; see `Autoregressive` for the formulas.

    Every second layer takes the coordinates last to first. They start with weights `w` of
    hidden units that make pre-activations of order 1, however much a unit sees; weights
    `v` that make shifts and log scales of order `init_scale`; and offsets 0.

    Attributes:
      num_layers: K, Python `int`.
      init_scale: standard deviation of the entries of `v sqrt(H)`; 0 is the identity.
      hidden_units: H, Python `int`; `None` is 64 + 2 D.

    Raises:
      ValueError: if `num_layers` or `hidden_units` is no integer >= 1, or `init_scale` is
        negative.
    """

    hidden_units: int | None = None

    name = "autoregressive"
    stack_class, layer_class = AutoregressiveStack, Autoregressive
    amortized_names = ("b", "c")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hidden_units is not None:
            hidden_units = numerics.check_size("hidden_units", self.hidden_units)
            object.__setattr__(self, "hidden_units", hidden_units)

    @classmethod
    def options_of(cls, shapes: dict[str, tuple[int, ...]]) -> dict:
        """As of `Family`."""
        (hidden_units,) = shapes["b"]
        return dict(hidden_units=hidden_units)

    def layer(
        self, k: int, parameters: dict, *, validate_args: bool = False
    ) -> Autoregressive:
        """As of `Family`."""
        reverse = k % 2 == 1
        return Autoregressive(**parameters, reverse=reverse, validate_args=validate_args)

    def initial_values(
        self,
        event_size: int,
        *,
        seed: tf.Tensor,
        dtype: tf.DType,
        batch_shape: Sequence[int] = (),
    ) -> dict[str, tf.Tensor]:
        """As of `Family`: `w` `[..., K, H, D]`, `b` `[..., K, H]`, and `v`, `c`.

        `v` is of shape `[..., K, 2, D, H]`, and `c` `[..., K, 2, D]`.
        """
        h = self.hidden_units or 64 + 2 * event_size
        shape = (*batch_shape, self.num_layers)
        w_seed, v_seed = tfp.random.split_seed(seed, n=2, salt="autoregressive_flow")
        w = tf.random.stateless_normal((*shape, h, event_size), w_seed, dtype=dtype)
        num_seen = tf.cast(degrees(event_size, h), dtype)[:, tf.newaxis]
        v = tf.random.stateless_normal((*shape, 2, event_size, h), v_seed, dtype=dtype)
        return dict(
            w=w / tf.sqrt(num_seen),
            b=tf.zeros((*shape, h), dtype),
            v=v * (self.init_scale / math.sqrt(h)),
            c=tf.zeros((*shape, 2, event_size), dtype),
        )
