"""A compiled loop of steps, called in chunks to move a progress bar."""

import math
import time

import numpy as np
import tensorflow as tf
from tqdm.auto import tqdm

from tfp_flows.vi.training_loop import initial_best

# Calls of the compiled loop per fit: enough for a bar, too few to cost time.
_NUM_CHUNKS = 50


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
      chunk_size: steps per call; `None` is a fiftieth of `num_steps`.
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
    chunk_size = min(chunk_size or math.ceil(num_steps / _NUM_CHUNKS), num_steps)
    best = initial_best(variables, batch_shape, dtype)
    buffers = (
        tf.zeros([chunk_size, *batch_shape], dtype),
        tf.zeros([chunk_size], dtype),
        tf.zeros([chunk_size, *best[0].shape], dtype),
    )
    compile_seconds = _compile(run_steps, best, buffers, jit_compile)
    chunks, step = [], 0
    with tqdm(total=num_steps, disable=not progress_bar, unit="step") as bar:
        while step < num_steps:
            end = min(step + chunk_size, num_steps)
            stop, best, traces = run_steps(
                tf.constant(step), tf.constant(end), best, buffers
            )
            stop = int(stop)
            chunks.append([trace.numpy()[: stop - step] for trace in traces])
            bar.update(stop - step)
            step = stop
            if stop < end:
                break
            bar.set_postfix(loss=f"{np.mean(chunks[-1][0]):.4f}", refresh=False)
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
