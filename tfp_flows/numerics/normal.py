"""Normal and uniform numbers, and normal distributions, fast under XLA."""

import math
from collections.abc import Sequence

import tensorflow as tf
import tensorflow_probability as tfp

# As TFP does, to choose between implementations.
from tensorflow.python.ops import control_flow_util

# Bits of a random integer, and how many of the highest make a uniform number.
_BITS = {tf.float32: (tf.int32, 24), tf.float64: (tf.int64, 53)}


def stateless_normal(
    shape: tf.Tensor | Sequence[int], seed: tf.Tensor, dtype: tf.DType
) -> tf.Tensor:
    """Like `tf.random.stateless_normal`, but under XLA in a fraction of the time.

    There, TensorFlow's own op takes 19 to 35 ns per number on CPUs, a third of a training
    step of a two-dimensional flow: its default generator, and its fusion of generator and
    inverse error function, are not vectorised. The same two apart, with the Threefry
    generator, take 4 ns; in float64, 6 to 9 ns instead of 19 to 60. The numbers differ
    between XLA and other modes.
    """
    bits = _threefry_bits(shape, seed, dtype)
    if bits is None:
        return tf.random.stateless_normal(shape, seed, dtype=dtype)
    return normal_from_bits(bits, dtype)


def stateless_uniform(
    shape: tf.Tensor | Sequence[int], seed: tf.Tensor, dtype: tf.DType
) -> tf.Tensor:
    """Like `tf.random.stateless_uniform`, but under XLA in a fraction of the time.

    There, the numbers are midpoints of intervals of (0, 1), so that none has an infinite
    logarithm; in other modes, 0 is among them.
    """
    bits = _threefry_bits(shape, seed, dtype)
    if bits is None:
        return tf.random.stateless_uniform(shape, seed, dtype=dtype)
    integer, num_bits = _BITS[dtype]
    # One bit fewer than there are digits, for the half to be exact.
    num_bits -= 1
    highest = tf.bitwise.right_shift(bits, 8 * integer.size - num_bits)
    return (tf.cast(highest, dtype) + (2.0 ** (num_bits - 1) + 0.5)) * 2.0**-num_bits


def _threefry_bits(
    shape: tf.Tensor | Sequence[int], seed: tf.Tensor, dtype: tf.DType
) -> tf.Tensor | None:
    """Random integers as wide as `dtype`, or `None` where TensorFlow's ops are best."""
    graph = tf.compat.v1.get_default_graph()
    is_xla = control_flow_util.GraphOrParentsInXlaContext(graph)
    if not is_xla or dtype not in _BITS:
        return None
    integer, _ = _BITS[dtype]
    return tf.random.stateless_uniform(
        shape, seed, minval=None, maxval=None, dtype=integer, alg="threefry"
    )


def normal_from_bits(bits: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Standard normal numbers from random integers, `int32` or `int64`, of all bits."""
    integer, num_bits = _BITS[dtype]
    # The midpoints of 2^num_bits intervals of (-1, 1): symmetric, and never the ends,
    # where the inverse error function is infinite.
    highest = tf.bitwise.right_shift(bits, 8 * integer.size - num_bits)
    uniform = (tf.cast(highest, dtype) + 0.5) * 2.0 ** (1 - num_bits)
    return math.sqrt(2.0) * tf.math.erfinv(uniform)


class Normal(tfp.distributions.Normal):
    """`tfd.Normal`, which under XLA draws its samples in a fraction of the time."""

    def _sample_n(self, n: tf.Tensor, seed: tf.Tensor | None = None) -> tf.Tensor:
        loc, scale = tf.convert_to_tensor(self.loc), tf.convert_to_tensor(self.scale)
        batch_shape = self._batch_shape_tensor(loc=loc, scale=scale)
        shape = tf.concat([[n], batch_shape], axis=0)
        seed = tfp.random.sanitize_seed(seed)
        return stateless_normal(shape, seed, self.dtype) * scale + loc


def standard_normal(
    event_size: int, dtype: tf.DType, batch_shape: Sequence[int] = ()
) -> tfp.distributions.Sample:
    """A standard normal of event shape `[event_size]`."""
    return tfp.distributions.Sample(
        Normal(tf.zeros(batch_shape, dtype), tf.ones([], dtype)),
        sample_shape=[event_size],
        name="standard_normal",
    )
