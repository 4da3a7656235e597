"""A Gaussian near a target: where flows and chains may start."""

import dataclasses
import time
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from tfp_flows import numerics
from tfp_flows.density import Density, RowwisePosterior, as_density
from tfp_flows.types import LogProbFn, Seed
from tfp_flows.vi.gaussian import Gaussian
from tfp_flows.vi.gaussian_arguments import (
    check_alone,
    check_slopes,
    compile_target,
    first_gaussian,
    resolve_event,
    resolve_sample_size,
)
from tfp_flows.vi.gaussian_judgement import judge
from tfp_flows.vi.gaussian_search import GaussianSearch
from tfp_flows.vi.natural_gradient import build_estimate_fn, draw

# What a start may lack at most to be near: nats below log Z, and mass outside. Not k-hat,
# which is large wherever tails are exponential.
_NEAR_GAP, _NEAR_OUTSIDE = 1.0, 0.1


@dataclasses.dataclass(frozen=True)
class GaussianStart:
    """A Gaussian near a target, to start from.

    Attributes:
      location: `[D]` float array.
      scale_tril: `[D, D]` float array, lower triangular: the covariance is that times
        its transpose.
      elbo: evidence lower bound of the Gaussian in nats, from fresh samples.
      elbo_standard_error: its standard error.
      log_evidence: log Z of the target by importance sampling, from these samples and
        those of Gaussians 2, 4 and 8 times as wide.
      gap_standard_error: of `gap`, that is of `log_evidence - elbo`.
      khat: Pareto k-hat of the importance weights of the Gaussian alone.
      support_mass: share of its samples at which the target is finite, of which `elbo`
        and `khat` are.
      outside_mass: share of the target's mass beyond the ellipsoid that holds 99.9 % of
        the Gaussian, as far as the wider ones reach: other modes, and heavy tails.
      converged: whether the updates came to rest; if not, the Gaussian is the last one.
      num_iterations: how often the search evaluated the target, at S points each.
      seconds: wall time, compilation included.
    """

    location: np.ndarray
    scale_tril: np.ndarray
    elbo: float
    elbo_standard_error: float
    log_evidence: float
    gap_standard_error: float
    khat: float
    support_mass: float
    outside_mass: float
    converged: bool
    num_iterations: int
    seconds: float

    @property
    def gap(self) -> float:
        """The KL divergence of the Gaussian to the target in nats, by these estimates."""
        return self.log_evidence - self.elbo

    @property
    def is_near(self) -> bool:
        """Whether a flow that begins here has little left to find.

        It has not, for example, where the target has several modes, of which the Gaussian
        covers one, or all and the space between them.
        """
        return (
            self.gap <= _NEAR_GAP
            and self.outside_mass <= _NEAR_OUTSIDE
            and self.support_mass == 1.0
        )

    def distribution(self) -> tfd.MultivariateNormalTriL:
        """The Gaussian, event shape `[D]`."""
        return tfd.MultivariateNormalTriL(self.location, self.scale_tril)

    def whitened(self, target: LogProbFn | tfd.Distribution) -> Density:
        """The density of z, where `scale_tril z + location` has that of `target`.

        Args:
          target: as in `gaussian_start`.

        Returns:
          `tff.density.Density`, a callable, `[S, ..., D]` to `[S, ...]`, of the log Z of
          the target.
        """
        density = as_density(target)

        def log_prob_fn(z: tf.Tensor) -> tf.Tensor:
            return density(self._forward(z)) + tf.cast(self._log_det, z.dtype)

        return dataclasses.replace(
            density, log_prob_fn=log_prob_fn, modes=None, normalized_log_prob_fn=None
        )

    def whitened_rows(self, posterior: RowwisePosterior) -> RowwisePosterior:
        """As `whitened`; its estimates are anchored where z is 0."""
        whitened = posterior.in_coordinates(self._forward, float(self._log_det))
        return whitened.anchored(np.zeros(len(self.location)))

    @property
    def _log_det(self) -> np.floating:
        return np.sum(np.log(np.diag(self.scale_tril)))

    def _forward(self, z: tf.Tensor) -> tf.Tensor:
        scale_tril = tf.cast(self.scale_tril, z.dtype)
        x = tf.tensordot(z, scale_tril, [[-1], [1]])
        return x + tf.cast(self.location, z.dtype)

    def bijector(self) -> tfp.bijectors.Bijector:
        """The map from a standard normal to the Gaussian, `scale_tril z + location`."""
        scale = tfp.bijectors.ScaleMatvecTriL(self.scale_tril)
        return tfp.bijectors.Shift(self.location)(scale)

    def __str__(self) -> str:
        """One line."""
        state = "at rest" if self.converged else "NOT at rest"
        return (
            f"Gaussian start in {len(self.location)} dimensions: {state} after "
            f"{self.num_iterations} evaluations in {self.seconds:.1f} s, ELBO "
            f"{self.elbo:.4g} +- {self.elbo_standard_error:.2g} nats, "
            f"{self.gap:.2g} below log Z, k-hat {self.khat:.2f}, "
            f"{self.outside_mass:.1%} of the mass outside"
        )


def gaussian_start(
    target_log_prob_fn: LogProbFn | tfd.Distribution,
    event_size: int | None = None,
    *,
    num_iterations: int = 200,
    sample_size: int | None = None,
    location: npt.ArrayLike | None = None,
    scale: float = 0.1,
    seed: Seed = None,
    dtype: Any = None,
    jit_compile: bool = False,
) -> GaussianStart:
    """The Gaussian q nearest to an unnormalized density p, by natural gradients.

    Maximises the ELBO over mean and full covariance ([1], [2]). At each iteration S
    points of the present Gaussian are drawn, in pairs z, -z of its own coordinates, and
    the gradients of the target there are regressed on them ([3]): minus the slope is the
    precision that the next Gaussian should have, the intercept says where its mean should
    move. Both are exact for a Gaussian target, and noisy by as much as the target is
    none. Nothing of this depends on the units of the parameters.

    Deviations from [3]: a step changes a precision at most by a factor of 4, and moves
    the mean as far as earlier steps did good; it is undone where the ELBO falls, and its
    rate follows from how much of the gradient the last one left; points are added where
    the gradient is no larger than its noise, until both are below 0.005 + 0.0005 D nats,
    which ends the search; gradients longer than ten medians are shortened; and outside
    the support there is a steep wall.

    Multimodal targets get one Gaussian, for one of the modes or for several.

    #### Example

    ```python
    start = tff.vi.gaussian_start(log_prob_fn, 20, seed=0)
    print(start)                               # ELBO, k-hat, whether it is at rest
    draws = start.distribution().sample(1000)  # [1000, 20]
    ```

    Args:
      target_log_prob_fn: callable, `Tensor` of shape `[S, D]` to `[S]`, the log density
        up to a constant; or a `tfd.Distribution` of vectors. It may be NaN or infinite
        at some of the points.
      event_size: D, at most 1,000: an iteration takes some 20 D^3 multiplications.
        `None` is what the target says.
      num_iterations: after so many evaluations of the target, at S points each, the
        search ends; but the first dozen at most, which find where to begin, are made
        whatever it is.
      sample_size: S, at least 4 D; odd numbers are rounded up. `None` is 512, or 4 D if
        that is more.
      location: `[D]`, mean of the first Gaussian; `None` is 0.
      scale: standard deviation of the first Gaussian in all directions, from 1e-12 to
        1e12. Where the target is infinite or NaN at more than half of its points, the
        search starts at the best point found up to 100 times as far.
      seed: `int` or stateless TFP seed; `None` draws a new one. The same seed gives the
        same Gaussian.
      dtype: floating dtype of the points; `None` is what the target says, or float32.
        All else is float64.
      jit_compile: whether to compile the target with XLA, which for most targets takes
        longer than it saves.

    Returns:
      `GaussianStart`. Where `num_iterations` end the search, it is the last Gaussian,
      and `converged` is false.

    Raises:
      TypeError: if the target returns another dtype than that of the points.
      ValueError: if a number is out of range; if the target fails, returns another shape
        than `[S]`, gives a point another density beside others, or is infinite or NaN at
        all points tried; all of this before the search. Later, if the target does not
        fall off in some direction, or grows, so that it is no density, or if its
        gradient is not its slope.
      RuntimeError: if XLA cannot compile the target.

    #### References

    [1]: M. Opper and C. Archambeau. The Variational Gaussian Approximation Revisited.
         Neural Computation 21(3), 2009.

    [2]: M. E. Khan and H. Rue. The Bayesian Learning Rule. JMLR 24(281), 2023.
         https://arxiv.org/abs/2107.04562

    [3]: T. Salimans and D. A. Knowles. Fixed-Form Variational Posterior Approximation
         through Stochastic Linear Regression. Bayesian Analysis 8(4), 2013.
         https://arxiv.org/abs/1206.6679
    """
    started = time.perf_counter()
    density = as_density(target_log_prob_fn)
    event_size, dtype = resolve_event(density, event_size, dtype)
    num_iterations = numerics.check_size("num_iterations", num_iterations)
    sample_size = resolve_sample_size(sample_size, event_size)
    first = first_gaussian(event_size, location, scale)
    seed = numerics.stateless_seed(seed)

    def points_of(gaussian: Gaussian) -> tf.Tensor:
        return tf.cast(draw(gaussian, sample_size, seed)[1], dtype)

    jit_compile = numerics.check_flag("jit_compile", jit_compile)
    value_and_gradient_fn = compile_target(density, points_of(first), jit_compile)
    estimate_fn = build_estimate_fn(value_and_gradient_fn, sample_size, dtype)
    search = GaussianSearch(estimate_fn, first, seed, numerics.epsilon(dtype))
    first_points = points_of(search.gaussian)
    check_alone(value_and_gradient_fn, first_points)
    try:
        while search.num_iterations < num_iterations and not search.converged:
            search.advance()
    except ValueError:
        # A wrong gradient explains it; where it led, slopes are lost in rounding.
        check_slopes(value_and_gradient_fn, first_points)
        raise
    check_slopes(value_and_gradient_fn, points_of(search.gaussian))

    def log_prob_of(points: tf.Tensor) -> np.ndarray:
        return value_and_gradient_fn(tf.cast(points, dtype))[0].numpy().astype(float)

    return GaussianStart(
        location=search.gaussian.location.numpy().astype(dtype.as_numpy_dtype),
        scale_tril=search.gaussian.scale_tril.numpy().astype(dtype.as_numpy_dtype),
        **judge(search.gaussian, log_prob_of, sample_size, seed),
        converged=search.converged,
        num_iterations=search.num_iterations,
        seconds=time.perf_counter() - started,
    )
