"""Stateless seeds."""

import numbers

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.numerics.arrays import CONVERSION_ERRORS


def check_int_seed(seed: int | None) -> int | None:
    """`seed` if it is an `int` or `None`, as what is saved holds it; else a TypeError."""
    is_integer = isinstance(seed, numbers.Integral) and not isinstance(seed, bool)
    if seed is not None and not is_integer:
        raise TypeError(
            f"`seed` must be a Python int or None, to be saved, but got {seed!r}."
        )
    return None if seed is None else int(seed)


def unsigned_seed(seed: int | None, num_bits: int) -> int | None:
    """The low bits of a seed: Keras takes 32, and like NumPy no negative ones."""
    return None if seed is None else seed % 2**num_bits


def stateless_seed(seed: int | tf.Tensor | None) -> tf.Tensor:
    """A stateless TFP seed: the same `seed` gives the same numbers at every call.

    TFP reads a Python `int` as a *stateful* seed, whose numbers change from call to
    call; here an `int` stands for the same stateless seed every time.

    Args:
      seed: Python `int`, an integer `Tensor` of shape `[2]`, or `None` for a new random
        seed.

    Returns:
      `int32` `Tensor` of shape `[2]`.

    Raises:
      TypeError: if `seed` is anything else.
    """
    if seed is None:
        return tfp.random.sanitize_seed(None)
    if isinstance(seed, numbers.Integral) and not isinstance(seed, bool):
        # The low 64 bits as two int32, so that distinct seeds stay distinct.
        low, high = int(seed) & 0xFFFFFFFF, (int(seed) >> 32) & 0xFFFFFFFF
        return tf.cast(tf.constant([high, low], dtype=tf.int64), tf.int32)
    try:
        seed_tensor = tf.convert_to_tensor(seed)
    except CONVERSION_ERRORS as error:
        raise _unknown(seed) from error
    if not seed_tensor.dtype.is_integer or not seed_tensor.shape.is_compatible_with([2]):
        raise _unknown(seed)
    return tf.cast(seed_tensor, tf.int32)


def numpy_generator(seed: int | tf.Tensor | None) -> np.random.Generator:
    """NumPy's generator from a seed of `stateless_seed`: the same numbers each time."""
    return np.random.default_rng(stateless_seed(seed).numpy().view(np.uint32))


def _unknown(seed: object) -> TypeError:
    return TypeError(
        "`seed` must be an int, an integer Tensor of shape [2], or None, but got "
        f"{seed!r}."
    )
