"""The second moment of gradients, kept cheaply, and its eigenbasis."""

import numpy as np
import tensorflow as tf


def remember(recent: tf.Variable, gradient: tf.Tensor, place: tf.Tensor) -> None:
    """Puts a gradient, `[..., P]`, at its place in a period's, `[..., period, P]`.

    It has P numbers, where its square has P^2.
    """
    period, size = recent.shape[-2:]
    flat = tf.reshape(recent, [-1, period, size])
    members = tf.range(flat.shape[0])
    index = tf.stack([members, tf.fill(members.shape, place)], axis=-1)
    flat = tf.tensor_scatter_nd_update(flat, index, tf.reshape(gradient, [-1, size]))
    recent.assign(tf.reshape(flat, recent.shape))


def moment_after(moment: tf.Tensor, recent: tf.Tensor, decay: float) -> tf.Tensor:
    """The exponential mean of g g^T, `[..., P, P]`, after one more period.

    `moment` is that before, `recent` has the gradients g of the period, `[..., period,
    P]`, and `decay` is the factor of the mean per step.
    """
    period = recent.shape[-2]
    shares = (1.0 - decay) * decay ** np.arange(period)[::-1]
    scaled = recent * tf.constant(np.sqrt(shares)[:, np.newaxis], recent.dtype)
    return decay**period * moment + tf.linalg.matmul(scaled, scaled, transpose_a=True)


def eigh_of_distinct(matrices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Eigenvalues and eigenvectors of `[..., P, P]`, eagerly; of equal matrices, once."""
    size = matrices.shape[-1]
    flat = tf.reshape(matrices, [-1, size, size]).numpy()
    # Flows that were dropped in a tournament have become copies of others.
    keys = [matrix.tobytes() for matrix in flat]
    places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    firsts = [keys.index(key) for key in places]
    # By TensorFlow, as the threads of NumPy's library go on spinning after a call, and
    # take a core from the loop.
    values, vectors = tf.linalg.eigh(flat[firsts])
    index = [places[key] for key in keys]
    return (
        tf.reshape(tf.gather(values, index), matrices.shape[:-1]),
        tf.reshape(tf.gather(vectors, index), matrices.shape),
    )
