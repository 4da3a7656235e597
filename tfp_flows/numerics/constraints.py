"""Elementwise constraints of the flows' parameters, without cancellation."""

import math

import numpy as np
import tensorflow as tf

# softplus(x) - 1 is zero at x0 = log(e - 1), held as a head that float16 and wider
# dtypes represent exactly and a tail, so that x - x0 keeps its relative precision.
_ZERO = 0.5413248546129181
_ZERO_REST = -1.8138570925507326e-17
_SLOPE = 1.0 - math.exp(-1.0)


def softplus_minus_one(x: tf.Tensor) -> tf.Tensor:
    """m(x) = softplus(x) - 1, to full relative precision also near its zero.

    This is the constraint of planar flows (Rezende & Mohamed 2015, appendix A.1):
    m maps the real line onto (-1, inf). It also serves the paper's m(x) - x, which is
    m(-x), because softplus(x) - x = softplus(-x).
    """
    # m(x) = softplus(x) - softplus(x0) = log1p((1 - 1/e) expm1(x - x0)). Subtracting
    # 1 from softplus(x) instead loses every digit as x -> x0, which is where builders
    # start (the identity map).
    head = float(np.asarray(_ZERO, x.dtype.as_numpy_dtype))
    offset = (x - head) - ((_ZERO - head) + _ZERO_REST)
    is_near = tf.abs(offset) < 1.0
    near = tf.where(is_near, offset, tf.zeros_like(offset))
    return tf.where(
        is_near,
        tf.math.log1p(_SLOPE * tf.math.expm1(near)),
        tf.math.softplus(x) - 1.0,
    )


def log_softplus(x: tf.Tensor) -> tf.Tensor:
    """log(softplus(x)), finite for every finite `x`."""
    # For x below -20, log(log1p(e^x)) = x - e^x / 2 + O(e^2x), exact in float64, while
    # softplus itself is denormal (hence flushed to zero) below -87 in float32.
    is_small = x < -20.0
    moderate = tf.where(is_small, tf.zeros_like(x), x)
    small = tf.where(is_small, x, -20.0 * tf.ones_like(x))
    return tf.where(
        is_small,
        small - 0.5 * tf.exp(small),
        tf.math.log(tf.math.softplus(moderate)),
    )
