"""A target in the space of a flow, in which it is nearly the flow's base."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from tfp_flows import numerics
from tfp_flows.density import as_density, check_single_flow
from tfp_flows.mcmc.initial_state import convert_initial_state
from tfp_flows.types import LogProbFn

# Draws of the flow out of which the starting points of chains are taken, at least.
_NUM_DRAWS = 10_000


class FlowSpace:
    """The density of z = f^-1(x) for x of a target p: log p(f(z)) + log|det J_f(z)|.

    f is the bijector of a flow, and z has its base as density where the flow is exact.
    Only the forward direction of f is used. A distribution that is no transformed one is
    its own base, with the identity as f.

    Attributes:
      base: `tfd.Distribution` of z, event shape `[D]`.
      bijector: f.
      density: the `Density` of x.
      event_size: D.
      dtype: `tf.DType` of z and x.
    """

    def __init__(
        self,
        flow: tfd.Distribution,
        target: LogProbFn | tfd.Distribution,
        *,
        seed: tf.Tensor,
        is_moved: bool,
    ) -> None:
        """Checks a flow and a target, which is evaluated at draws of the flow.

        Args:
          flow: `tfd.Distribution` of event shape `[D]`, without batch.
          target: callable, `[S, D]` to `[S]`, the log density up to a constant; or a
            distribution of vectors.
          seed: stateless seed of the draws.
          is_moved: whether chains move through the space by gradients, for which
            it must have a bijector.

        Raises:
          TypeError: if `flow` is no distribution, no transformed one where a bijector
            is needed, or of another dtype than float32 and float64; or the target is no
            function, or of another dtype.
          ValueError: if the flow is a batch, or over other vectors than the target; or
            the target fails its checks.
        """
        density = as_density(target).exact()
        check_single_flow(flow, density)
        if flow.dtype not in (tf.float32, tf.float64):
            raise TypeError(
                "Chains in the space of a flow need float32 or float64, but the flow is "
                f"of {tf.as_dtype(flow.dtype).name}; fit one of dtype=tf.float32."
            )
        base, bijectors = flow, []
        while isinstance(base, tfd.TransformedDistribution):
            inner = base.distribution
            if inner.event_shape != flow.event_shape or inner.batch_shape.rank != 0:
                break
            bijectors.append(base.bijector)
            base = inner
        if is_moved and not bijectors:
            raise TypeError(
                "`flow` must be a tfd.TransformedDistribution of vectors, in whose base "
                f"chains move, but got {flow!r}; to use its draws as proposals only, "
                "take tff.mcmc.independence_metropolis with num_local_steps=0."
            )
        self.flow, self.base, self.density = flow, base, density
        self.bijector = tfp.bijectors.Chain(bijectors)
        self.event_size, self.dtype = flow.event_shape[0], tf.as_dtype(flow.dtype)
        points = _run_traced(lambda seed: flow.sample(100, seed=seed), seed)
        density.check(points)
        if is_moved:
            density.check_gradient(points)
        else:
            density.trace(points)

    def to_target(self, z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """X = f(z), `[..., D]`, and log|det J_f(z)|, `[...]`; inside `tf.function`s."""
        x = self.bijector.forward(z)
        log_det = self.bijector.forward_log_det_jacobian(z, event_ndims=1)
        # That of an affine map is one number.
        return x, tf.broadcast_to(log_det, tf.shape(z)[:-1])

    def log_prob(self, z: tf.Tensor) -> tf.Tensor:
        """The log density of z, `[..., D]`, up to a constant, `[...]`."""
        x, log_det = self.to_target(z)
        return self.density(x) + log_det

    def forward(self, z: tf.Tensor) -> np.ndarray:
        """X = f(z) of a few points, outside `tf.function`s."""
        return _run_traced(self.bijector.forward, z).numpy()

    def samples(
        self, z: np.ndarray, log_prob: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Samples x, `[..., D]`, and log p(x), `[...]`, outside `tf.function`s.

        Args:
          z: `[..., D]` array.
          log_prob: `[...]` array, `log_prob` of z.
        """
        points = tf.TensorSpec([None, self.event_size], self.dtype)
        to_target = _trace(self.to_target, points)
        flat = z.reshape(-1, self.event_size)
        x, log_det = numerics.in_batches(to_target, flat, numerics.MOST_POINTS)
        return x.reshape(z.shape), log_prob - log_det.reshape(log_prob.shape)

    def proposals(
        self, shape: list[int], seed: tf.Tensor, *, has_gradient: bool
    ) -> tuple[tf.Tensor, ...]:
        """Draws of the flow and all that does not depend on the chains.

        Args:
          shape: `[size, num_chains]`.
          seed: stateless seed.
          has_gradient: whether gradients are needed.

        Returns:
          z, `[*shape, D]`; its log density, and the gradient of that if needed; log q(z);
          log uniform numbers; how many densities are NaN or +inf.
        """
        draw_seed, uniform_seed = tf.unstack(tfp.random.split_seed(seed, n=2))
        z = self.base.sample(shape, seed=draw_seed)
        log_prob, gradient = self._evaluate(z, has_gradient=has_gradient)
        is_invalid = tf.math.is_nan(log_prob) | (log_prob == math.inf)
        log_prob = tf.where(is_invalid, tf.constant(-math.inf, z.dtype), log_prob)
        uniform = tf.random.stateless_uniform(shape, uniform_seed, dtype=z.dtype)
        num_invalid = tf.math.count_nonzero(is_invalid)
        log_base = self.base.log_prob(z)
        return z, log_prob, gradient, log_base, tf.math.log(uniform), num_invalid

    def _evaluate(
        self, z: tf.Tensor, *, has_gradient: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The log density of points `[S, ..., D]`, and its gradient if needed.

        Of few points at a time, as a density of many observations takes memory for each.
        """

        def of_piece(z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            if has_gradient:
                return tfp.math.value_and_gradient(self.log_prob, z)
            return self.log_prob(z), tf.zeros([*z.shape[:-1], 0], z.dtype)

        size, *shape = z.shape
        rows = max(numerics.FEW_POINTS // math.prod(shape[:-1]), 1)
        if size <= rows:
            return of_piece(z)
        # The last piece is filled up: all are of one shape.
        num_pieces = math.ceil(size / rows)
        padding = tf.repeat(z[:1], num_pieces * rows - size, axis=0)
        log_prob, gradient = tf.map_fn(
            of_piece,
            tf.reshape(tf.concat([z, padding], axis=0), [num_pieces, rows, *shape]),
            parallel_iterations=1,
            fn_output_signature=(z.dtype, z.dtype),
        )
        shape = [num_pieces * rows, *shape[:-1]]
        log_prob = tf.reshape(log_prob, shape)[:size]
        num_partials = z.shape[-1] if has_gradient else 0
        return log_prob, tf.reshape(gradient, [*shape, num_partials])[:size]

    def start(
        self,
        num_chains: int,
        initial_state: npt.ArrayLike | tf.Tensor | None,
        seed: tf.Tensor,
        caller: str,
    ) -> tf.Tensor:
        """Where chains start, z of shape `[num_chains, D]`.

        Args:
          num_chains: C.
          initial_state: x of shape `[C, D]`, or `None` for draws, see `_draw_starts`.
          seed: stateless seed.
          caller: the function that runs the chains, for errors.

        Raises:
          TypeError: if `initial_state` is masked.
          ValueError: if `initial_state` is no such thing or outside the support, or too
            few draws of the flow lie in the support of the target.
        """
        if initial_state is None:
            return self._draw_starts(num_chains, seed)
        state = convert_initial_state(initial_state, num_chains, caller)
        assert state is not None
        if state.shape[1] != self.event_size:
            raise ValueError(
                f"`initial_state` has points of size {state.shape[1]}, but the flow is "
                f"over vectors of size {self.event_size}."
            )
        state = tf.cast(state, self.dtype)
        numerics.check_finite_points(state.numpy(), "initial_state")
        z = _run_traced(self.bijector.inverse, state)
        log_prob = _run_traced(self.log_prob, z).numpy()
        is_lost = ~np.isfinite(log_prob)
        if np.any(is_lost):
            raise ValueError(
                f"The target is 0, or the inverse of the flow not finite, at "
                f"{np.sum(is_lost)} of {num_chains} points of `initial_state`, for "
                f"example at {np.asarray(state)[is_lost][0]}."
            )
        return z

    def _draw_starts(self, num_chains: int, seed: tf.Tensor) -> tf.Tensor:
        """Starting points that are wider spread than the target.

        R-hat compares chains by where they started: it is truthful if they start farther
        apart than the target's draws are. Draws of the base are moved away from their
        mean by the factor 1 + 2 / sqrt(D), which leaves enough of them in the bulk of
        the target in any dimension, and taken, without replacement, by the square root of
        their importance weights: with density sqrt(p q), for the widened flow q.
        """
        draw_seed, choice_seed = tf.unstack(tfp.random.split_seed(seed, n=2))
        num_draws = max(_NUM_DRAWS, 10 * num_chains)
        factor = 1.0 + 2.0 * self.event_size**-0.5 if self.base is not self.flow else 1.0

        def weigh(seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            z = self.base.sample(num_draws, seed=seed)
            log_q, mean = self.base.log_prob(z), tf.reduce_mean(z, axis=0)
            z = mean + factor * (z - mean)
            return z, 0.5 * (self._evaluate(z)[0] - log_q)

        z, log_weights = (array.numpy() for array in _run_traced(weigh, draw_seed))
        is_inside = np.isfinite(log_weights)
        if np.sum(is_inside) < num_chains:
            raise ValueError(
                f"Only {np.sum(is_inside)} of {num_draws} draws of the flow lie where "
                f"the target is positive, too few for {num_chains} chains; fit the flow "
                "to this target first, or pass `initial_state`."
            )
        z, log_weights = z[is_inside], log_weights[is_inside].astype(np.float64)
        # The largest of log weights plus Gumbel noise are a weighted sample without
        # replacement (Efraimidis & Spirakis 2006).
        noise = numerics.numpy_generator(choice_seed).gumbel(size=len(z))
        return tf.constant(z[np.argsort(-(log_weights + noise))[:num_chains]])


def _trace(function: Callable, argument: tf.Tensor | tf.TensorSpec) -> Any:
    """`function` as a graph, in which a bijector's two directions are one pass.

    Its concrete function: a new `tf.function` in each call would warn of retracing.
    """
    return tf.function(function, autograph=False).get_concrete_function(argument)


def _run_traced(function: Callable, argument: tf.Tensor) -> Any:
    return _trace(function, argument)(argument)


def warn_of_invalid(num_invalid: int, num_proposals: int) -> None:
    """Warns of draws of a flow at which the target is NaN or +inf, if there are any."""
    if num_invalid:
        warnings.warn(
            f"The target was NaN or +inf at {num_invalid} of {num_proposals} draws of "
            "the flow. They were rejected: the samples are of the target without these "
            "points. Make it finite there, or -inf outside its support.",
            RuntimeWarning,
            stacklevel=5,
        )
