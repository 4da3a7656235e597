"""The compiled loop of gradient steps that fits share."""

import numpy as np
import tensorflow as tf

# The best parameters are chosen by an exponential mean of the loss over about this many
# steps. Before as many have been made, those that the fit started from count as best.
_MEAN_LENGTH = 50


def build_run_steps(
    objective_fn, variables, optimizer, *, clip_norm, batch_shape, jit_compile
):
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
        each member of the batch has a norm of its own.
      jit_compile: whether to compile with XLA.

    Returns:
      A function of `(start, end, best, traces)` that makes the steps `start <= step <
      end` and returns `(step, best, traces)`: the step at which it stopped, which is
      before `end` only if the loss or a gradient was not finite there; `best`, as
      `initial_best` makes it, brought up to date; and the buffers `traces` of the loss,
      beta and global gradient norm, of at least `end - start` rows, filled from the top.
    """
    batch_ndims = num_batch_axes(variables, batch_shape)

    def body(step, start, end, is_finite, best, traces):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            objective, loss, beta = objective_fn(step)
        gradients = tape.gradient(objective, variables)
        _check_gradients(gradients, variables)
        norm = _norm(gradients, batch_ndims)
        is_finite = tf.reduce_all(tf.math.is_finite(loss))
        is_finite &= tf.reduce_all(tf.math.is_finite(norm))

        # `best` is judged by the parameters that produced this loss, before the update.
        score = loss if batch_ndims == batch_shape.rank else tf.reduce_sum(loss)
        best = _update_best(best, score, variables, step, is_finite)
        # At a bad step the optimizer sees zeros: the loop ends there, and the caller
        # restores the best parameters.
        if clip_norm is not None:
            gradients = _clip(gradients, norm, clip_norm)
        safe = [tf.where(is_finite, g, tf.zeros_like(g)) for g in gradients]
        optimizer.apply_gradients(zip(safe, variables, strict=True))

        index = [[step - start]]
        traces = tuple(
            tf.tensor_scatter_nd_update(trace, index, value[tf.newaxis])
            for trace, value in zip(traces, (loss, beta, norm), strict=True)
        )
        step = tf.where(is_finite, step + 1, step)
        return step, start, end, is_finite, best, traces

    @tf.function(jit_compile=jit_compile, autograph=False)
    def run_steps(start, end, best, traces):
        step, _, _, _, best, traces = tf.while_loop(
            lambda step, start, end, is_finite, best, traces: is_finite & (step < end),
            body,
            (start, start, end, tf.constant(True), best, traces),
        )
        return step, best, traces

    return run_steps


def num_batch_axes(variables, batch_shape):
    """How many leading axes of every variable are those of the batch: all or none."""
    rank = batch_shape.rank
    is_member_wise = all(v.shape[:rank] == batch_shape for v in variables)
    return rank if is_member_wise else 0


def initial_best(variables, batch_shape, dtype):
    """The state of `best` before the first step: no loss yet, the parameters as given."""
    shape = batch_shape[: num_batch_axes(variables, batch_shape)]
    running, lowest = tf.zeros(shape, dtype), tf.fill(shape, tf.constant(np.inf, dtype))
    return running, lowest, tuple(tf.identity(v) for v in variables)


def _update_best(best, loss, variables, step, is_finite):
    running, lowest, parameters = best
    # A plain mean at first, as the mean of one loss would be that loss and its noise.
    weight = 1.0 / tf.cast(tf.minimum(step + 1, _MEAN_LENGTH), loss.dtype)
    running = tf.where(is_finite, running + weight * (loss - running), running)
    is_better = is_finite & (running < lowest) & (step >= _MEAN_LENGTH)
    lowest = tf.where(is_better, running, lowest)
    parameters = tuple(
        tf.where(_expand(is_better, variable), variable, parameter)
        for variable, parameter in zip(variables, parameters, strict=True)
    )
    return running, lowest, parameters


def _norm(gradients, batch_ndims):
    """The global norm of the gradients of each member, of rank `batch_ndims`."""
    squares = [
        tf.reduce_sum(tf.square(g), axis=list(range(batch_ndims, g.shape.rank)))
        for g in gradients
    ]
    return tf.sqrt(tf.add_n(squares))


def _clip(gradients, norm, clip_norm):
    factor = clip_norm / tf.maximum(norm, clip_norm)
    return [g * _expand(factor, g) for g in gradients]


def _expand(member, like):
    """`member` with as many trailing axes as broadcast it against `like`."""
    return tf.reshape(member, member.shape + [1] * (like.shape.rank - member.shape.rank))


def _check_gradients(gradients, variables):
    without = [v.name for g, v in zip(gradients, variables, strict=True) if g is None]
    if without:
        raise ValueError(
            f"No gradient reaches {', '.join(without)}; build the flow from layers that "
            "use these variables, or make them untrainable."
        )
