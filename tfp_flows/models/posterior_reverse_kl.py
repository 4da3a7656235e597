"""Minimises the reverse KL to a posterior, which batches of the data's rows estimate."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.density import Density, RowwisePosterior
from tfp_flows.models.reverse_kl import DATA_ARGUMENTS, STEPS, ReverseKL

if TYPE_CHECKING:
    from tfp_flows.models.flow_model import FlowModel

_BATCH_SIZE = 32  # Keras' own


class PosteriorReverseKL(ReverseKL):
    """That to the posterior given the rows that `fit` gets.

    Of N rows a step sees B. Training counts their log likelihood N / B times, without
    bias, as all rows come equally often. `evaluate` counts that of each of n batches n
    times, so that the mean over one pass is that of all rows, whatever B.
    """

    _posterior: RowwisePosterior  # of the last call of `fit` or `evaluate`

    def __init__(
        self,
        log_prior_fn: Callable,
        log_likelihood_fn: Callable,
        sample_size: int,
        annealing_fn: Callable | None,
    ) -> None:
        functions = dict(log_prior_fn=log_prior_fn, log_likelihood_fn=log_likelihood_fn)
        for name, function in functions.items():
            numerics.check_callable(name, function, "a function")
        super().__init__(functions, sample_size, annealing_fn)
        self._log_prior_fn, self._log_likelihood_fn = log_prior_fn, log_likelihood_fn

    def data(
        self, model: "FlowModel", method: str, x: Any, y: Any, arguments: dict
    ) -> tuple[tf.data.Dataset, None]:
        """Batches of rows, and the factor of their log likelihood beside each row.

        The number of steps of one pass is added to the arguments of `fit`; `batch_size`
        and `shuffle` are taken from them. Raises TypeError or ValueError as
        `RowwisePosterior` does, and ValueError if there are no rows, or fewer than a
        batch has, or what a posterior has no use for.
        """
        if x is None:
            raise ValueError(
                f"{method} needs the rows of the likelihood, arrays [N, ...] or a "
                "dataset of batches of them, but got none."
            )
        unwanted = [name for name in DATA_ARGUMENTS if arguments.get(name) is not None]
        if unwanted:
            raise ValueError(
                f"{method} got {', '.join(unwanted)}, for which a posterior of rows has "
                "no use: each row counts once. Weigh rows in `log_likelihood_fn`; judge "
                "the flow by tff.diagnostics.evaluate and a RowwisePosterior."
            )
        if isinstance(x, tf.data.Dataset) and y is not None:
            raise ValueError(f"{method} got labels beside a dataset; zip them into it.")
        posterior = RowwisePosterior(
            self._log_prior_fn,
            self._log_likelihood_fn,
            data=x if y is None else (x, y),
            event_size=model.event_size,
            dtype=model.distribution().dtype,
        )
        num_rows = len(posterior.rows)
        batch_size = _batch_size(arguments.pop("batch_size", None), num_rows)
        num_batches = -(-num_rows // batch_size)
        if method == "fit":
            scale, seed = num_rows / batch_size, _order_seed(model)
            if arguments.get(STEPS[method]) is None:
                arguments[STEPS[method]] = num_batches
            arguments["shuffle"] = False  # already
        else:
            scale, seed = float(num_batches), None
        self._posterior = posterior
        return _with_scale(posterior.rows.dataset(batch_size, seed), scale), None

    def density(self, x: tf.data.Dataset) -> Density:
        """That of the first batch."""
        ((rows, _),) = next(iter(x))
        return self._posterior.density_of(rows)

    def num_samples(self, x: Any) -> int:
        """S, shared by the replicas."""
        return -(-self._sample_size // _num_replicas())

    def log_p(self, samples: tf.Tensor, x: Any) -> tf.Tensor:
        """What this replica's rows of a batch say; the replicas' mean is the batch's."""
        rows, scales = x
        # Not a constant: programs outlive a call of fit, and the next may have another.
        scale = tf.math.divide_no_nan(
            tf.reduce_sum(scales), tf.cast(tf.size(scales), scales.dtype)
        )
        scale = tf.cast(_num_replicas() * scale, samples.dtype)
        return self._posterior.estimate(samples, rows, scale)


def _with_scale(batches: tf.data.Dataset, scale: float) -> tf.data.Dataset:
    """Elements `((rows, [B]),)` of batches of rows: inputs of a model, without labels."""
    is_unpacked = type(batches.element_spec) is tuple

    @tf.autograph.experimental.do_not_convert
    def with_scale(*element: Any) -> tuple:
        rows = element if is_unpacked else element[0]
        size = tf.shape(tf.nest.flatten(rows)[0])[:1]
        return ((rows, tf.fill(size, tf.constant(scale, tf.float64))),)

    return batches.map(with_scale)


def _num_replicas() -> int:
    return tf.distribute.get_strategy().num_replicas_in_sync


def _order_seed(model: "FlowModel") -> int:
    """Another one in each call of `fit`, by the steps made before."""
    step = int(tf.convert_to_tensor(model.optimizer.iterations))
    sequence = np.random.SeedSequence([model.seed, step])
    return int(sequence.generate_state(1)[0])


def _batch_size(batch_size: int | None, num_rows: int) -> int:
    if batch_size is None:
        return min(_BATCH_SIZE, num_rows)
    if numerics.check_size("batch_size", batch_size) > num_rows:
        raise ValueError(
            f"`batch_size` is {batch_size}, but there are only {num_rows} rows."
        )
    return batch_size
