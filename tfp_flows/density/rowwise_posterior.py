"""Posteriors of many observations, evaluated in blocks of them or estimated from some."""

import copy
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.density.checks import FAILURES, check_form, first_line
from tfp_flows.density.density import Density
from tfp_flows.density.row_stream import RowStream
from tfp_flows.density.rows import Rows
from tfp_flows.density.tangent import Tangent

# Points [S, D] and rows of data, [B, ...], to log likelihoods [S, B], or their sums [S].
LogLikelihoodFn: TypeAlias = Callable[[tf.Tensor, Any], tf.Tensor]

# Numbers that a tensor of a log likelihood has at most, points by rows: 8 MB in float32.
_BLOCK_NUMBERS = 2**21
# Points and rows of the first evaluation: sizes that no model has by accident.
_NUM_POINTS, _NUM_ROWS = 3, 7


class RowwisePosterior:
    """The unnormalized posterior of a parameter vector z, given many observations.

    ```none
    log p(z, data) = log p(z) + sum_n log p(row_n | z)
    ```

    Evaluated as a target, it is that of all N rows, in blocks of them, in memory that
    does not grow with N times the number of points; so is its gradient. From a batch of
    B rows it is estimated without bias, with the sum over the batch times N / B, as in
    doubly stochastic variational inference ([1]): so does `fit_reverse_kl` when it is
    given a `batch_size`.

    An anchor, a point near the mode, takes most of the batches' noise away: all rows
    together say what the log likelihood and its gradient there are, and the batch only
    how it differs from that tangent elsewhere, a control variate ([2]).

    #### Example

    ```python
    posterior = tff.density.RowwisePosterior(
        log_prior_fn=lambda z: tf.reduce_sum(tfd.Normal(0.0, 1.0).log_prob(z), axis=-1),
        log_likelihood_fn=lambda z, rows: tfd.Bernoulli(
            logits=tf.matmul(z, rows["x"], transpose_b=True)
        ).log_prob(rows["y"]),                             # [S, B]
        data=dict(x=x, y=y),                               # [N, D] and [N]
        event_size=D,
    )
    flow = tff.planar_flow(D, 8, affine=True, seed=0)
    result = tff.vi.fit_reverse_kl(flow, posterior, batch_size=1_000, seed=1)
    print(tff.diagnostics.evaluate(result, posterior, num_samples=10_000, seed=2))
    ```

    #### References

    [1]: M. Titsias and M. Lazaro-Gredilla. Doubly Stochastic Variational Bayes for
         non-Conjugate Inference. ICML 2014.

    [2]: R. Bardenet, A. Doucet and C. Holmes. On Markov chain Monte Carlo methods for
         tall data. JMLR 18(47), 2017. (Taylor expansions as control variates)

    Attributes:
      rows: `Rows`, the data, or the `RowStream` of a dataset.
      dtype: `tf.DType` in which prior and likelihood are evaluated.
      event_shape: `[D]`.
      name: Python `str`.
    """

    def __init__(
        self,
        log_prior_fn: Callable[[tf.Tensor], tf.Tensor],
        log_likelihood_fn: LogLikelihoodFn,
        data: Any,
        event_size: int,
        *,
        dtype: Any = tf.float32,
        name: str = "posterior",
    ) -> None:
        """Takes the model and its data, and evaluates it at a few points.

        Args:
          log_prior_fn: function of points, `Tensor` `[S, D]` to `[S]`.
          log_likelihood_fn: function of points `[S, D]` and rows, what `data` is with B
            in place of N: the log likelihood of each row, `[S, B]`, or their sum `[S]`.
            `tf.Variable`s that it reads are constants, and get no gradient.
          data: array `[N, ...]`, or a tuple or `dict` of arrays of the same N; or a
            finite `tf.data.Dataset` of batches of rows, of any sizes, read anew at each
            evaluation, and first of all to count them. Floating-point numbers are cast
            to `dtype`.
          event_size: D.
          dtype: floating dtype of points and data. Points that are float64 get sums over
            rows in float64, of rows in `dtype`.
          name: Python `str`.

        Raises:
          TypeError: if a function is none, or returns another dtype, or `data` are no
            arrays of numbers.
          ValueError: if there are no rows, parts of `data` have not the same number of
            them, or a number is not finite; if a dataset is endless; if a function fails,
            or returns another shape; or if the log likelihood of some rows is not the sum
            of those of its parts.
        """
        numerics.check_callable("log_prior_fn", log_prior_fn, "a function")
        numerics.check_callable("log_likelihood_fn", log_likelihood_fn, "a function")
        self.event_shape = tf.TensorShape([numerics.check_size("event_size", event_size)])
        self.dtype = numerics.check_dtype(dtype)
        self.name = numerics.check_name(name)
        is_dataset = isinstance(data, tf.data.Dataset)
        self.rows = (RowStream if is_dataset else Rows)(data, self.dtype)
        self._log_prior_fn, self._log_likelihood_fn = log_prior_fn, log_likelihood_fn
        self._anchor: Tangent | None = None
        self._check()

    def unnormalized_log_prob(self, points: tf.Tensor) -> tf.Tensor:
        """The log posterior up to a constant, of all rows.

        Args:
          points: `Tensor` of shape `[S, ..., D]`.

        Returns:
          `Tensor` of shape `[S, ...]`, of the dtype of the points.
        """
        return self._log_prob(points, self._likelihood_of_all)

    def __call__(self, points: tf.Tensor) -> tf.Tensor:
        """As `unnormalized_log_prob`."""
        return self.unnormalized_log_prob(points)

    def estimate(
        self, points: tf.Tensor, rows: Any, scale: tf.Tensor | None = None
    ) -> tf.Tensor:
        """The log posterior as some rows say, without bias if they are drawn at random.

        Args:
          points: `Tensor` of shape `[S, ..., D]`.
          rows: B rows, as `rows.take` returns them.
          scale: factor of their log likelihood, scalar of the dtype of the points;
            `None` is N / B.

        Returns:
          `Tensor` of shape `[S, ...]`, of the dtype of the points.
        """
        if scale is None:
            scale = len(self.rows) / tf.nest.flatten(rows)[0].shape[0]

        def of_batch(z: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
            part = self._likelihood(z, rows, dtype)
            if self._anchor is None:
                return scale * part
            tangent = self._tangent(self._anchor.point, rows)
            return scale * (part - tangent.at(z, dtype)) + self._anchor.at(z, dtype)

        return self._log_prob(points, of_batch)

    def density_of(self, rows: Any) -> Density:
        """The density that `estimate` is for these rows."""
        return Density(
            lambda points: self.estimate(points, rows),
            event_size=self.event_shape[0],
            dtype=self.dtype,
            name=self.name,
        )

    def anchored(self, point: npt.ArrayLike) -> "RowwisePosterior":
        """The same posterior, with estimates that are exact at `point`, `[D]`.

        Their gradients are exact there too, and near to it noisy by the curvature alone.
        """
        anchored = copy.copy(self)
        z = tf.cast(tf.constant(np.asarray(point)[np.newaxis]), self.dtype)
        with tf.GradientTape() as tape:
            tape.watch(z)
            value = self._likelihood_of_all(z, tf.float64)
        slope = tape.gradient(value, z)
        anchored._anchor = Tangent(z, value[0], slope)
        return anchored

    def in_coordinates(
        self, forward_fn: Callable[[tf.Tensor], tf.Tensor], log_det: float
    ) -> "RowwisePosterior":
        """The posterior of z, where `forward_fn(z)` has this one; without an anchor.

        Args:
          forward_fn: map of points `[S, D]` to points `[S, D]`.
          log_det: log of the absolute determinant of its Jacobian, the same everywhere.
        """
        log_prior_fn, log_likelihood_fn = self._log_prior_fn, self._log_likelihood_fn
        moved = copy.copy(self)
        moved._log_prior_fn = lambda z: log_prior_fn(forward_fn(z)) + log_det
        moved._log_likelihood_fn = lambda z, rows: log_likelihood_fn(forward_fn(z), rows)
        moved._anchor = None
        return moved

    def _log_prob(
        self,
        points: tf.Tensor,
        likelihood_fn: Callable[[tf.Tensor, tf.DType], tf.Tensor],
    ) -> tf.Tensor:
        points = tf.convert_to_tensor(points)
        if not points.shape.is_fully_defined():
            raise ValueError(
                f"A posterior of rows needs points of a static shape, but got "
                f"{points.shape}: it divides the rows by the number of points."
            )
        z = tf.cast(tf.reshape(points, [-1, points.shape[-1]]), self.dtype)
        log_prior = tf.convert_to_tensor(self._log_prior_fn(z))
        check_form(z, log_prior, "`log_prior_fn`")
        likelihood = likelihood_fn(z, points.dtype)
        log_prob = tf.cast(log_prior, points.dtype) + likelihood
        return tf.reshape(log_prob, points.shape[:-1])

    def _likelihood(self, z: tf.Tensor, rows: Any, dtype: tf.DType) -> tf.Tensor:
        """That of some rows, `[S]`, of `dtype`."""
        value = tf.convert_to_tensor(self._log_likelihood_fn(z, rows))
        num_points, num_rows = z.shape[0], tf.nest.flatten(rows)[0].shape[0]
        shapes = tf.TensorShape([num_points, num_rows]), tf.TensorShape([num_points])
        if value.dtype != z.dtype:
            raise TypeError(
                f"`log_likelihood_fn` returned {value.dtype.name} for points of "
                f"{z.dtype.name}; compute it in that, or pass another `dtype`."
            )
        is_known = value.shape.rank is not None  # the number of rows may not be
        if not (is_known and any(map(value.shape.is_compatible_with, shapes))):
            raise ValueError(
                f"`log_likelihood_fn` returned shape {value.shape} for {num_points} "
                f"points and {num_rows} rows, but must return the log likelihood of each "
                f"row at each point, shape {shapes[0].as_list()}, or its sum over rows, "
                f"shape {shapes[1].as_list()}."
            )
        value = tf.cast(value, dtype)
        return value if value.shape.rank == 1 else tf.reduce_sum(value, axis=1)

    def _likelihood_of_all(self, z: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
        """That of all rows, `[S]`, of `dtype`; its gradient is computed in blocks too."""
        size = z.shape[0]
        most_rows = _BLOCK_NUMBERS // size

        @tf.custom_gradient
        def total(z: tf.Tensor) -> tuple[tf.Tensor, Callable]:
            value = self.rows.total(
                lambda rows: self._likelihood(z, rows, dtype), [size], most_rows
            )

            def gradient(upstream: tf.Tensor, variables: Any = ()) -> tuple:
                slope = self.rows.total(
                    lambda rows: self._tangent(z, rows).slope, z.shape, most_rows
                )
                upstream = tf.cast(upstream, z.dtype)[:, tf.newaxis]
                return upstream * tf.cast(slope, z.dtype), [None] * len(variables)

            return tf.cast(value, dtype), gradient

        return total(z)

    def _tangent(self, z: tf.Tensor, rows: Any) -> Tangent:
        """Of the log likelihood of some rows, at points `[S, D]`."""
        with tf.GradientTape() as tape:
            tape.watch(z)
            value = self._likelihood(z, rows, z.dtype)
        slope = tape.gradient(
            value, z, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return Tangent(z, value, slope)

    def _check(self) -> None:
        points = tf.random.stateless_normal(
            [_NUM_POINTS, self.event_shape[0]], [0, 0], dtype=self.dtype
        )
        size = min(_NUM_ROWS, len(self.rows))
        rows = self.rows.take(np.arange(size))

        def likelihood(first: int, last: int) -> np.ndarray:
            part = tf.nest.map_structure(lambda array: array[first:last], rows)
            return self._likelihood(points, part, tf.float64).numpy()

        try:
            self.estimate(points, rows)
            whole = likelihood(0, size)
            parts = likelihood(0, 1) + likelihood(1, size) if size > 1 else whole
        except FAILURES as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(
                f"The posterior failed at its first evaluation, at points of shape "
                f"{points.shape} with {size} rows of `data`: {first_line(error)}"
            ) from error
        rounding = numerics.epsilon(self.dtype) ** 0.5
        if not np.allclose(whole, parts, rounding, rounding, equal_nan=True):
            raise ValueError(
                f"The log likelihood of {size} rows is not the sum of that of its parts, "
                f"{whole[0]:g} against {parts[0]:g} at one of {_NUM_POINTS} points: "
                "`log_likelihood_fn` must return that of each row alone, or the sum over "
                "the rows that it is given; no mean, and nothing scaled to all rows."
            )
