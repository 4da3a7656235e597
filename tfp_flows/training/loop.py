"""The compiled loop of gradient steps that fits share."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from tfp_flows.training.members import choose, expand, num_batch_axes
from tfp_flows.training.replicas import mean_over_replicas
from tfp_flows.training.state import MAX_FAULTS_IN_A_ROW, Best, Faults
from tfp_flows.types import Optimizer, StepTerms, Variables

# The best parameters are chosen by an exponential mean of the loss over about this many
# steps. Before as many have been made, those that the fit started from count as best.
MEAN_LENGTH = 50

# Buffers of loss, beta and gradient norm; and what goes from step to step.
_Traces: TypeAlias = tuple[tf.Tensor, tf.Tensor, tf.Tensor]
_Carried: TypeAlias = tuple[tf.Tensor, Faults, Best, _Traces]
_Gradients: TypeAlias = list[tf.Tensor]
_Evaluated: TypeAlias = tuple[tf.Tensor, tf.Tensor, _Gradients]


def build_run_steps(
    objective_fn: Callable[[tf.Tensor], StepTerms],
    variables: Variables,
    optimizer: Optimizer,
    *,
    clip_norm: float | None,
    batch_shape: tf.TensorShape,
    jit_compile: bool,
    strategy: tf.distribute.Strategy | None = None,
) -> Callable:
    """Compiles a loop of gradient steps as one program.

    An explicit `tf.while_loop` with AutoGraph off: `for i in tf.range(n)` costs about
    ten times as much per step under XLA.

    Args:
      objective_fn: callable, step -> `(objective, loss, beta)`: the scalar to minimise,
        the loss to record, `[...]`, and the annealing weight to record.
      variables: list of `tf.Variable`s to train.
      optimizer: a Keras 3 or tf_keras optimizer, built for `variables`.
      clip_norm: largest norm of the gradients; `None` does not clip.
      batch_shape: `tf.TensorShape` of the loss. If every variable has these leading axes,
        each member of the batch has a norm, faults and best parameters of its own.
      jit_compile: whether to compile with XLA.
      strategy: whose replicas each evaluate `objective_fn`; losses and gradients are
        averaged over them, and the variables, of one device, updated once. Not with XLA.

    Returns:
      A function of `(start, end, rate, faults, best, traces, sharing=None)` that makes
      the steps `start <= step < end` and returns `(step, faults, best, traces)`. `rate`
      multiplies each update, of each member of the batch; those at 0 are left alone.
      `faults` and `best` are `Faults` and `Best`; `traces` are buffers of the loss, beta
      and gradient norm, of at least `end - start` rows, filled from the top. `sharing`,
      `[R, R]`, are weights by which the members of the first batch axis average their
      losses and gradients; `None` is each for itself. The gradient of a step whose loss
      or gradient is not finite counts as zero, and an update that is not finite is taken
      back; after `MAX_FAULTS_IN_A_ROW` such steps the loop ends early.

    Raises:
      TypeError, ValueError: when it is traced, if what `objective_fn` returned is not
        that, no gradient reaches a variable, or `optimizer` was built for others.
    """
    batch_ndims = num_batch_axes(variables, batch_shape)

    @tf.function(jit_compile=jit_compile, autograph=False)
    def run_steps(
        start: tf.Tensor,
        end: tf.Tensor,
        rate: tf.Tensor,
        faults: Faults,
        best: Best,
        traces: _Traces,
        sharing: tf.Tensor | None = None,
    ) -> _Carried:
        def goes_on(step: tf.Tensor, faults: Faults, *_: Best | _Traces) -> tf.Tensor:
            is_well = (faults.in_a_row < MAX_FAULTS_IN_A_ROW) | (rate == 0.0)
            return (step < end) & tf.reduce_all(is_well)

        def body(
            step: tf.Tensor, faults: Faults, best: Best, traces: _Traces
        ) -> _Carried:
            def evaluate(step: tf.Tensor) -> _Evaluated:
                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    tape.watch(variables)
                    terms = objective_fn(step)
                    objective, loss, beta = _check_terms(
                        terms, batch_shape, traces[0].dtype
                    )
                gradients = tape.gradient(objective, variables)
                _check_gradients(gradients, variables)
                return loss, beta, gradients

            if strategy is None:
                loss, beta, gradients = evaluate(step)
            else:
                loss, beta, gradients = mean_over_replicas(strategy, evaluate, step)
            if sharing is not None:
                loss, gradients = _share(loss, gradients, sharing, batch_ndims)
            norm = _norm(gradients, batch_ndims)
            score = loss if batch_ndims == batch_shape.rank else tf.reduce_sum(loss)
            is_good = tf.math.is_finite(score) & tf.math.is_finite(norm)
            # `best` is judged by the parameters of this loss, before the update.
            best = _update_best(best, score, variables, step, is_good)
            if clip_norm is not None:
                gradients = _clip(gradients, norm, clip_norm)
            gradients = [
                tf.where(expand(is_good, g), g, tf.zeros_like(g)) for g in gradients
            ]
            is_good &= _update(variables, gradients, optimizer, rate)
            faults = Faults(
                faults.total + tf.cast(~is_good, tf.int32),
                tf.where(is_good, tf.zeros_like(faults.in_a_row), faults.in_a_row + 1),
            )
            index = [[step - start]]
            traces = tuple(
                tf.tensor_scatter_nd_update(trace, index, value[tf.newaxis])
                for trace, value in zip(traces, (loss, beta, norm), strict=True)
            )
            return step + 1, faults, best, traces

        return tf.while_loop(goes_on, body, (start, faults, best, traces))

    return run_steps


def _update(
    variables: Variables,
    gradients: Sequence[tf.Tensor],
    optimizer: Optimizer,
    rate: tf.Tensor,
) -> tf.Tensor:
    """Applies the gradients; returns of which members the updates were finite.

    What a `rate` below 1 leaves out is taken back, and what is not finite.
    """
    before = [tf.convert_to_tensor(variable) for variable in variables]
    try:
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
    except KeyError as error:  # of tf_keras; Keras 3 says "Unknown variable"
        raise ValueError(
            "`optimizer` was built for other variables than those that are trained; make "
            "a new one for this flow."
        ) from error
    # A sum is finite only if all its terms are.
    sums = [_sum_of_members(variable, rate.shape.rank) for variable in variables]
    is_finite = tf.math.is_finite(tf.add_n(sums))
    for variable, old in zip(variables, before, strict=True):
        factor = tf.cast(expand(rate, old), old.dtype)
        # To the bit where the rate is 1.
        slowed = old + factor * (variable - old)
        updated = tf.where(factor < 1.0, slowed, variable)
        variable.assign(tf.where(expand(is_finite, old), updated, old))
    return is_finite


def _update_best(
    best: Best,
    loss: tf.Tensor,
    variables: Variables,
    step: tf.Tensor,
    is_finite: tf.Tensor,
) -> Best:
    # A plain mean at first, as the mean of one loss would be that loss and its noise.
    weight = 1.0 / tf.cast(tf.minimum(step + 1, MEAN_LENGTH), loss.dtype)
    running = best.running + weight * (loss - best.running)
    running = tf.where(is_finite, running, best.running)
    is_better = is_finite & (running < best.lowest) & (step >= MEAN_LENGTH)
    lowest = tf.where(is_better, running, best.lowest)
    return Best(running, lowest, choose(is_better, variables, best.parameters))


def _share(
    loss: tf.Tensor, gradients: _Gradients, sharing: tf.Tensor, batch_ndims: int
) -> tuple[tf.Tensor, _Gradients]:
    """Averages over members; a mean with a part that is not finite is NaN."""
    is_good = tf.math.is_finite(loss) & tf.math.is_finite(_norm(gradients, batch_ndims))

    # A NaN times a weight of 0 is NaN: it would spread to members that do not share.
    def mix(values: tf.Tensor) -> tf.Tensor:
        good = tf.where(expand(is_good, values), values, tf.zeros_like(values))
        return tf.tensordot(tf.cast(sharing, values.dtype), good, axes=1)

    num_bad = tf.tensordot(sharing, tf.cast(~is_good, sharing.dtype), axes=1)
    loss = tf.where(num_bad > 0.0, tf.constant(np.nan, loss.dtype), mix(loss))
    return loss, [mix(g) for g in gradients]


def _norm(gradients: _Gradients, batch_ndims: int) -> tf.Tensor:
    """The global norm of the gradients of each member, of rank `batch_ndims`."""
    squares = [_sum_of_members(tf.square(g), batch_ndims) for g in gradients]
    return tf.sqrt(tf.add_n(squares))


def _sum_of_members(values: tf.Tensor | tf.Variable, batch_ndims: int) -> tf.Tensor:
    return tf.reduce_sum(values, axis=list(range(batch_ndims, values.shape.rank)))


def _clip(gradients: _Gradients, norm: tf.Tensor, clip_norm: float) -> _Gradients:
    factor = clip_norm / tf.maximum(norm, clip_norm)
    return [g * expand(factor, g) for g in gradients]


def _check_terms(terms: Any, batch_shape: tf.TensorShape, dtype: tf.DType) -> StepTerms:
    """What an objective returned, as tensors: loss and beta of `dtype`."""
    names = ("objective", "loss", "beta")
    if not isinstance(terms, tuple | list) or len(terms) != len(names):
        raise TypeError(
            f"An objective must return three tensors, ({', '.join(names)}), but returned "
            f"{terms!r}."
        )
    tensors = []
    for name, term, shape in zip(names, terms, ([], batch_shape, []), strict=True):
        try:
            tensor = tf.convert_to_tensor(term, dtype_hint=dtype)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"`{name}`, of what an objective returns, must be a tensor, but is "
                f"{term!r}."
            ) from error
        if not tensor.dtype.is_floating:
            raise TypeError(
                f"`{name}`, of what an objective returns, must be floating-point, but is "
                f"{tensor.dtype.name}; cast it."
            )
        if not tensor.shape.is_compatible_with(shape):
            raise ValueError(
                f"`{name}`, of what an objective returns, must have shape "
                f"{tf.TensorShape(shape)}, but has shape {tensor.shape}: `objective` and "
                "`beta` are scalars, `loss` has a number for each flow of a batch."
            )
        if not tensor.shape.is_fully_defined():
            tensor = tf.ensure_shape(tensor, shape)
        tensors.append(tensor)
    objective, loss, beta = tensors
    return objective, tf.cast(loss, dtype), tf.cast(beta, dtype)


def _check_gradients(gradients: Sequence[tf.Tensor | None], variables: Variables) -> None:
    without = [v.name for g, v in zip(gradients, variables, strict=True) if g is None]
    if without:
        raise ValueError(
            f"No gradient reaches {', '.join(without)}; build the flow from layers that "
            "use these variables, or make them untrainable."
        )
