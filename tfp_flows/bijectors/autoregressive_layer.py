"""The mathematics of autoregressive layers: a masked network, and what it makes.

Coordinate d of the image is shift_d + scale_d z_d, of which a network gives shift and
scale from the coordinates before d alone. Its one hidden layer is such that unit j sees
the first m_j coordinates, and coordinate d, counted from 0, the units with m_j <= d: the
masks of Germain et al. (2015), eqs. 8 and 9.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

# Largest |log scale|: no parameters make a layer stretch or shrink by more than e^5.
MAX_LOG_SCALE = 5.0


class MaskedNetworks(NamedTuple):
    """The networks of K layers, zero where a mask is, in the order of the points.

    Attributes:
      w: `Tensor` of shape `[..., K, H, D]`.
      b: `Tensor` of shape `[..., K, H]`.
      v: `Tensor` of shape `[..., K, 2, D, H]`, of the shifts, then of the log scales.
      c: `Tensor` of shape `[..., K, 2, D]`.
    """

    w: tf.Tensor
    b: tf.Tensor
    v: tf.Tensor
    c: tf.Tensor


def degrees(event_size: int | tf.Tensor, hidden_units: int | tf.Tensor) -> tf.Tensor:
    """How many coordinates each hidden unit sees, from 1 to D - 1, each about as often.

    Args:
      event_size: D.
      hidden_units: H.

    Returns:
      `int32` `Tensor` of shape `[H]`, ascending.
    """
    # With D = 1 there is nothing to see, and the masks leave the units to themselves.
    most = tf.maximum(event_size - 1, 1)
    return 1 + tf.range(hidden_units) * most // hidden_units


def mask_networks(
    w: tf.Tensor, b: tf.Tensor, v: tf.Tensor, c: tf.Tensor, reverse: np.ndarray
) -> MaskedNetworks:
    """The networks of these parameters, of which those under the masks have no effect.

    Args:
      w: `Tensor` of shape `[..., K, H, D]`.
      b: `Tensor` of shape `[..., K, H]`.
      v: `Tensor` of shape `[..., K, 2, D, H]`.
      c: `Tensor` of shape `[..., K, 2, D]`.
      reverse: `bool` array of shape `[K]`: which layers take the last coordinate first.

    Returns:
      `MaskedNetworks`.
    """
    hidden_units, event_size = tf.unstack(tf.shape(w)[-2:])
    m = degrees(event_size, hidden_units)
    d = tf.range(event_size)
    w = tf.where(d < m[:, tf.newaxis], w, tf.zeros_like(w))
    v = tf.where(m <= d[:, tf.newaxis], v, tf.zeros_like(v))
    if np.any(reverse):
        where = reverse[:, np.newaxis, np.newaxis]
        w = tf.where(where, tf.reverse(w, [-1]), w)
        v = tf.where(where[..., np.newaxis], tf.reverse(v, [-2]), v)
        c = tf.where(where, tf.reverse(c, [-1]), c)
    return MaskedNetworks(w, b, v, c)


def silu_and_slope(s: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The activation of the hidden units, s sigmoid(s), and its derivative."""
    sigmoid = tf.sigmoid(s)
    value = s * sigmoid
    return value, sigmoid + value * (1.0 - sigmoid)


def log_scale(a: tf.Tensor) -> tf.Tensor:
    """The log scale of an output a of the network: a near 0, and bounded."""
    return MAX_LOG_SCALE * tf.tanh(a / MAX_LOG_SCALE)


def log_scale_slope(a: tf.Tensor) -> tf.Tensor:
    """The derivative of `log_scale`."""
    return 1.0 - tf.square(tf.tanh(a / MAX_LOG_SCALE))


def check_autoregressive_shapes(bijector: str, tensors: dict, layers: str = "") -> None:
    """Raises unless w [..., H, D], b [..., H], v [..., 2, D, H], c [..., 2, D].

    Args:
      bijector: name of the bijector, for the message.
      tensors: name = `Tensor` or `tf.Variable`.
      layers: for the message, the axis of layers that the parameters have, "K, ".

    Raises:
      ValueError: if they do not fit, where known.
    """
    axes = dict(w="H, D", b="H", v="2, D, H", c="2, D")
    found: dict[str, set] = {"2": {2}, "D": set(), "H": set()}
    for name, event in axes.items():
        shape = tensors[name].shape
        if shape.rank is None:
            continue
        named = event.split(", ")
        if shape.rank < len(named):
            raise ValueError(
                f"{bijector} needs `{name}` of shape [..., {layers}{event}], but got "
                f"shape {shape}."
            )
        for axis, size in zip(named, shape[-len(named) :], strict=True):
            found[axis] |= {size} - {None}
    if any(len(sizes) > 1 for sizes in found.values()):
        expected = ", ".join(f"{n}: [..., {layers}{event}]" for n, event in axes.items())
        shapes = ", ".join(f"{name}: {value.shape}" for name, value in tensors.items())
        raise ValueError(
            f"{bijector} needs one event size D and one number of hidden units H in the "
            f"shapes of its parameters, {expected}, but got {shapes}."
        )
