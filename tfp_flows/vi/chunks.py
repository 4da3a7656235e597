"""A compiled loop of steps, called in chunks to move a progress bar."""

import math
import time

import numpy as np
import tensorflow as tf
from tqdm.auto import tqdm

from tfp_flows.vi.training_loop import initial_best

# A call of the compiled loop costs half a millisecond, whatever it does: calls of a tenth
# of a second, but at least so many per fit that the bar moves.
_CALL_SECONDS = 0.1
_LEAST_CALLS = 10


def run_in_chunks(
    run_steps,
    variables,
    num_steps,
    *,
    chunk_size,
    batch_shape,
    dtype,
    jit_compile,
    progress_bar,
):
    """Makes `num_steps` steps, or as many as are finite.

    Args:
      run_steps: what `build_run_steps` returned.
      variables: list of the `tf.Variable`s that it trains.
      num_steps: Python `int`.
      chunk_size: steps per call; `None` is about a tenth of a second's.
      batch_shape: shape of the loss.
      dtype: dtype of the loss.
      jit_compile: whether `run_steps` is compiled with XLA, for the error message.
      progress_bar: whether to show one, on stderr.

    Returns:
      `(step, best_parameters, traces, compile_seconds)`: the number of steps made,
      `num_steps` unless the loss or a gradient was not finite; a tuple of `Tensor`s;
      float arrays of the loss, beta and gradient norm, of `step` rows; and the time that
      tracing and compilation took.

    Raises:
      RuntimeError: if XLA cannot compile the loop.
    """
    capacity = min(chunk_size or math.ceil(num_steps / _LEAST_CALLS), num_steps)
    best = initial_best(variables, batch_shape, dtype)
    buffers = (
        tf.zeros([capacity, *batch_shape], dtype),
        tf.zeros([capacity], dtype),
        tf.zeros([capacity, *best[0].shape], dtype),
    )
    compile_seconds = _compile(run_steps, best, buffers, jit_compile)
    # The first call is short, to measure the time of a step.
    size = chunk_size or min(10, capacity)
    chunks, step = [], 0
    with tqdm(total=num_steps, disable=not progress_bar, unit="step") as bar:
        while step < num_steps:
            started, end = time.perf_counter(), min(step + size, num_steps)
            stop, best, traces = run_steps(
                tf.constant(step), tf.constant(end), best, buffers
            )
            stop = int(stop)
            chunks.append([trace.numpy()[: stop - step] for trace in traces])
            bar.update(stop - step)
            if stop < end:
                step = stop
                break
            bar.set_postfix(loss=f"{np.mean(chunks[-1][0]):.4f}", refresh=False)
            if chunk_size is None:
                seconds_per_step = (time.perf_counter() - started) / (stop - step)
                size = min(max(int(_CALL_SECONDS / seconds_per_step), 1), capacity)
            step = stop
    traces = [np.concatenate(parts) for parts in zip(*chunks, strict=True)]
    return step, best[2], traces, compile_seconds


def _compile(run_steps, best, buffers, jit_compile):
    """Traces and compiles the loop, by a call that makes no step; the seconds it took."""
    started = time.perf_counter()
    try:
        run_steps(tf.constant(0), tf.constant(0), best, buffers)
    except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
        if not jit_compile:
            raise
        raise RuntimeError(
            "XLA could not compile the fit; pass jit_compile=False. It said: "
            f"{str(error).strip().splitlines()[0]}"
        ) from error
    return time.perf_counter() - started
