"""TFP's RealNVP, which flows are judged beside."""

import itertools
import math
from collections.abc import Sequence

import tensorflow as tf
import tensorflow_probability as tfp


class _Network(tf.Module):
    """Shift and log-scale of one half of a vector, given the other.

    A `tf.Module` of its own: TFP finds the variables of such a callable, but not those
    that a plain function closes over.
    """

    def __init__(self, sizes: Sequence[int], seed: tf.Tensor) -> None:
        super().__init__()
        self._weights, self._biases = [], []
        last = len(sizes) - 2
        seeds = tfp.random.split_seed(seed, n=2 * len(sizes))
        for k, (num_in, num_out) in enumerate(itertools.pairwise(sizes)):
            # Near the identity, and with the hidden units' steps spread over the data.
            scale = 0.01 if k == last else math.sqrt(2.0 / num_in)
            weights = scale * tf.random.stateless_normal([num_in, num_out], seeds[2 * k])
            spread = 0.0 if k == last else 1.0
            biases = spread * tf.random.stateless_normal([num_out], seeds[2 * k + 1])
            self._weights.append(tf.Variable(weights, name=f"weights_{k}"))
            self._biases.append(tf.Variable(biases, name=f"biases_{k}"))

    def __call__(
        self, x: tf.Tensor, output_units: int, **unused: object
    ) -> list[tf.Tensor]:
        del output_units, unused
        layers = list(zip(self._weights, self._biases, strict=True))
        for weights, biases in layers[:-1]:
            x = tf.tanh(x @ weights + biases)
        weights, biases = layers[-1]
        return tf.split(x @ weights + biases, 2, axis=-1)


def real_nvp(
    event_size: int,
    num_layers: int,
    *,
    hidden: Sequence[int],
    seed: tf.Tensor | Sequence[int],
) -> tfp.distributions.TransformedDistribution:
    """A flow of TFP's affine coupling layers, whose halves alternate.

    Args:
      event_size: D.
      num_layers: number of couplings.
      hidden: widths of the hidden layers of each network.
      seed: stateless seed of the initial values.

    Returns:
      `tfd.TransformedDistribution`, near the identity.
    """
    half = event_size // 2
    seeds = tfp.random.split_seed(seed, n=num_layers)
    couplings = []
    for k in range(num_layers):
        masked = half if k % 2 == 0 else -half
        sizes = [half, *hidden, 2 * (event_size - half)]
        couplings.append(
            tfp.bijectors.RealNVP(
                num_masked=masked, shift_and_log_scale_fn=_Network(sizes, seeds[k])
            )
        )
    base = tfp.distributions.MultivariateNormalDiag(tf.zeros([event_size]))
    return tfp.distributions.TransformedDistribution(
        base, tfp.bijectors.Chain(couplings), name="real_nvp"
    )
