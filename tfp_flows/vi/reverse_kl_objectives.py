"""The reverse KL divergence as objectives, by two gradient estimators."""

import dataclasses
import inspect
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows import numerics, training
from tfp_flows.density import Density, as_density, check_events
from tfp_flows.types import AnnealingFn, StepTerms
from tfp_flows.vi.arguments import check_annealing, check_flow
from tfp_flows.vi.objective import Objective
from tfp_flows.vi.path_score import score_of_base, score_of_image
from tfp_flows.vi.recipe import LinearAnnealing
from tfp_flows.vi.row_batches import RowBatches

Bound = TypeVar("Bound", bound="ReverseKL")

# Points at which the target must have the values that it had when it was compiled, or
# when a checkpoint was written.
_NUM_POINTS = 8


@dataclasses.dataclass(frozen=True)
class NegativeElbo:
    """What a negative ELBO is known by: the ELBO, and the KL where log Z is known."""

    log_normalizer: float | None

    def __call__(self, loss: np.ndarray) -> dict[str, np.ndarray]:
        """ELBO and KL in nats, by name."""
        if self.log_normalizer is None:
            return dict(ELBO=-loss)
        return dict(ELBO=-loss, KL=loss + self.log_normalizer)


class ReverseKL(Objective):
    """`E_q[log q(x) - beta log p(x)]`, by reparameterised samples of the flow q.

    Its gradient is the total derivative through the samples ([1], eq. 15 and the annealed
    eq. 20). The loss is that of beta = 1, the negative ELBO.

    #### References

    [1]: D. J. Rezende and S. Mohamed. Variational Inference with Normalizing Flows.
         ICML 2015. https://arxiv.org/abs/1505.05770
    """

    def __init__(
        self,
        target: Any,
        *,
        sample_size: int,
        annealing_fn: AnnealingFn | None = None,
        num_starts: int = 1,
        batch_size: int | None = None,
    ) -> None:
        """Takes the target p and how to estimate.

        Args:
          target: callable, `Tensor` of shape `[S, ..., D]` to `[S, ...]`, the log density
            up to a constant; or a `tfd.Distribution` of vectors.
          sample_size: S, samples per step.
          annealing_fn: callable, scalar `int32` step to scalar beta; `None` is 1.
          num_starts: R. If greater than 1, the first batch axis of the flow, of size R,
            is one of starts: the target sees them as samples, of which each has S / R.
          batch_size: B, rows per step of a `tff.density.RowwisePosterior`, by which it is
            estimated: without replacement, in epochs of another order each, or in the
            order of a dataset. `None` is the target as it is.

        Raises:
          TypeError: if `target` is no density, or has no rows for a `batch_size`; see
            `tff.vi.fit_reverse_kl`.
          ValueError: likewise, or if a size is no integer of at least 1, or there are
            fewer rows than `batch_size`.
        """
        numerics.check_size("sample_size", sample_size)
        numerics.check_size("num_starts", num_starts)
        self._density = as_density(target)
        self._batches = None if batch_size is None else RowBatches(target, batch_size)
        if self._batches is not None:
            self.is_function_of_step = self._batches.are_functions_of_step
        self._sample_size, self._num_starts = sample_size, num_starts
        self._annealing_fn = annealing_fn
        self.log_normalizer = self._density.log_normalizer
        self.describe = NegativeElbo(self.log_normalizer)

    def bind(
        self: Bound, flow: tfd.Distribution, *, seed: tf.Tensor, jit_compile: bool = False
    ) -> Bound:
        """See base class.

        Raises:
          TypeError: if the target returns another dtype than the flow's, or
            `annealing_fn` is no function.
          ValueError: if the flow has no trainable variables, is not reparameterised, or
            is over vectors of another size than the target; if the target fails, returns
            another shape than `[S, ...]`, is not finite at samples of the flow, or has no
            gradient there; if `annealing_fn` does not return a finite scalar >= 0 at
            step 0.
        """
        if not isinstance(self._annealing_fn, LinearAnnealing | None):
            check_annealing(self._annealing_fn, [0])
        check_flow(flow)
        check_events(flow, self._density)
        bound = super().bind(flow, seed=seed, jit_compile=jit_compile)
        if self._batches is not None:
            bound._batches = self._batches.bind(seed)
            bound.max_chunk_size = bound._batches.max_chunk_size
        density = bound._density_at(tf.constant(0))
        points = flow.sample(self._sample_size // self._num_starts, seed=seed)
        points = bound._as_samples(points)
        log_prob = density.check(points).numpy()
        num_outside = np.sum(np.isneginf(log_prob))
        if num_outside:
            raise ValueError(
                f"The target is -inf at {num_outside} of {log_prob.size} samples of the "
                "initial flow: the reverse KL is infinite, without a gradient. Give the "
                "target a steep finite edge (built-in targets have one in "
                "`unnormalized_log_prob`), or map the flow onto the support with a "
                "bijector."
            )
        density.check_gradient(points)
        return bound

    def suits_xla(self) -> bool:
        """See base class."""
        # Seven points: an axis that few models have.
        shape = [7, *self.flow.batch_shape, *self.flow.event_shape]
        points = self._as_samples(tf.zeros(shape, self.flow.dtype))
        return self._density_at(tf.constant(0)).suits_xla(points)

    def feed(self, start: int, end: int) -> None:
        """See base class."""
        if self._batches is not None:
            self._batches.feed(start, end)

    @property
    def program_key(self) -> Any:
        """`None` with class or `annealing_fn` of the caller, or batches of one order."""
        is_own = type(self) in (ReverseKL, PathReverseKL) and self._batches is None
        if not is_own or not isinstance(self._annealing_fn, LinearAnnealing | None):
            return None
        sizes = self._sample_size, self._num_starts
        function = _identity(self._density.log_prob_fn)
        return type(self), function, *sizes, self._annealing_fn

    def __call__(self, step: tf.Tensor) -> StepTerms:
        """See base class."""
        seed = tf.random.experimental.stateless_fold_in(self.seed, step)
        seed = training.replica_seed(seed)
        beta = self._beta(step)
        objective, difference = self._estimate(seed, beta, self._density_at(step))
        return objective, tf.reduce_mean(difference, axis=0), beta

    def _beta(self, step: tf.Tensor) -> tf.Tensor:
        """The weight of the target, NaN, which is a fault, where it would be negative."""
        beta = 1.0 if self._annealing_fn is None else self._annealing_fn(step)
        beta = tf.cast(beta, self.flow.dtype)
        return tf.where(beta < 0.0, tf.constant(np.nan, beta.dtype), beta)

    def _density_at(self, step: tf.Tensor) -> Density:
        """The target, or what the batch of the step says of it."""
        return self._density if self._batches is None else self._batches.density_at(step)

    def _estimate(
        self, seed: tf.Tensor, beta: tf.Tensor, density: Density
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The objective, and log q - log p at the samples, `[S, ...]`."""
        x, log_q = self._draw(seed)
        log_p = self._log_p(x, density)
        objective = tf.reduce_sum(tf.reduce_mean(log_q - beta * log_p, axis=0))
        return objective, log_q - log_p

    def _draw(self, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return self.flow.experimental_sample_and_log_prob(self._num_drawn(), seed=seed)

    def _num_drawn(self) -> int:
        """Samples of each start, of this replica."""
        return training.share("sample_size", self._sample_size // self._num_starts)

    def _log_p(self, x: tf.Tensor, density: Density) -> tf.Tensor:
        """The target at samples of the flow, `[S / R, R, ...]` if there are starts."""
        return tf.reshape(density(self._as_samples(x)), x.shape[:-1])

    def _as_samples(self, x: tf.Tensor) -> tf.Tensor:
        """`[S / R, R, ..., D]` as `[S, ..., D]`."""
        if self._num_starts == 1:
            return x
        return tf.reshape(x, [-1, *x.shape[2:]])

    def explain(self, step: int) -> str:
        """See base class."""
        if not np.isfinite(self._beta(tf.constant(step))):
            return "`annealing_fn` must return a finite number of at least 0 there."
        x, log_q = self._draw(tf.random.experimental.stateless_fold_in(self.seed, step))
        log_p = self._log_p(x, self._density_at(tf.constant(step))).numpy()
        x, log_q = x.numpy(), log_q.numpy()
        excess = np.abs(log_q - log_p)
        excess = np.where(np.isfinite(excess), excess, np.inf)
        worst = np.unravel_index(np.argmax(excess), excess.shape)
        point = np.array2string(x[worst], precision=4, threshold=8)
        return (
            f"The worst sample of the flow there is {point}, where the target's log "
            f"density is {log_p[worst]:g} and the flow's {log_q[worst]:g}. Make the "
            "target finite and differentiable there, lower the learning rate, or compute "
            "in float64."
        )

    def settings(self) -> dict[str, Any]:
        """See base class."""
        settings = dict(
            sample_size=self._sample_size,
            num_starts=self._num_starts,
            annealed=self._annealing_fn is not None,
            gradient_estimator="reparameterized",
        )
        return settings if self._batches is None else settings | self._batches.settings()

    def fingerprint(self) -> np.ndarray:
        """Values of the target at fixed points."""
        batch_shape = self.flow.batch_shape[1 if self._num_starts > 1 else 0 :]
        shape = [_NUM_POINTS, *batch_shape, *self.flow.event_shape]
        points = tf.random.stateless_normal(shape, [0, 0], dtype=self.flow.dtype)
        # A target may differ far from the origin alone: from 1 to 128 times as far.
        scales = tf.cast(2 ** tf.range(_NUM_POINTS), self.flow.dtype)
        scales = tf.reshape(scales, [-1] + [1] * (points.shape.rank - 1))
        return self._density.fingerprint(scales * points)


class PathReverseKL(ReverseKL):
    """As `ReverseKL`, by the path derivative alone: "sticking the landing".

    The parameters move log q(x) in two ways, through the sample and directly. The direct
    part, the score of the parameters, has expectation 0, and is left out ([1], eq. 5):
    the gradient is

        (d log q / dx - beta d log p / dx)^T dx / d parameters,

    which vanishes for each sample, not only on average, where q is the target. The score
    d log q / dx is carried forward through the layers, as in [2], but without an inverse
    (`forward_score` of the bijectors). For a `tfd.TransformedDistribution`.

    #### References

    [1]: G. Roeder, Y. Wu and D. Duvenaud. Sticking the Landing: Simple, Lower-Variance
         Gradient Estimators for Variational Inference. NeurIPS 2017.
         https://arxiv.org/abs/1703.09194

    [2]: L. Vaitl, K. A. Nicoli, S. Nakajima and P. Kessel. Gradients should stay on path.
         Machine Learning: Science and Technology 3(4), 2022.
         https://arxiv.org/abs/2207.08219
    """

    def bind(
        self: Bound, flow: tfd.Distribution, *, seed: tf.Tensor, jit_compile: bool = False
    ) -> Bound:
        """See base class.

        Raises:
          TypeError: if `flow` is no `tfd.TransformedDistribution`, or as `ReverseKL`.
          ValueError: as `ReverseKL`.
        """
        if not hasattr(flow, "bijector"):
            raise TypeError(
                "The path gradient needs a tfd.TransformedDistribution, whose bijector "
                f"carries the score, but got {flow!r}; use "
                "gradient_estimator='reparameterized'."
            )
        return super().bind(flow, seed=seed, jit_compile=jit_compile)

    def _estimate(
        self, seed: tf.Tensor, beta: tf.Tensor, density: Density
    ) -> tuple[tf.Tensor, tf.Tensor]:
        base, bijector = self.flow.distribution, self.flow.bijector
        if base.batch_shape != self.flow.batch_shape:
            base = tfd.BatchBroadcast(base, self.flow.batch_shape)
        z = base.sample(self._num_drawn(), seed=seed)
        x = bijector.forward(z)
        score = score_of_image(bijector, z, score_of_base(base, z))
        log_p = self._log_p(x, density)
        moved = tf.reduce_sum(tf.stop_gradient(score) * x, axis=-1)
        objective = tf.reduce_sum(tf.reduce_mean(moved - beta * log_p, axis=0))
        log_det = bijector.forward_log_det_jacobian(z, event_ndims=1)
        return objective, base.log_prob(z) - log_det - log_p

    def settings(self) -> dict[str, Any]:
        """See base class."""
        return super().settings() | dict(gradient_estimator="path")


def _identity(function: Callable) -> Hashable:
    """What tells living functions apart; a bound method is made at each access."""
    if inspect.ismethod(function):
        return id(function.__self__), id(function.__func__)
    return id(function)
