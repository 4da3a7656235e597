"""A compiled loop of steps, called in chunks to move a progress bar."""

import math

import numpy as np
import tensorflow as tf
from tqdm.auto import tqdm

from tfp_flows.vi.training_loop import initial_best

# Calls of the compiled loop per fit: enough for a bar, too few to cost time.
_NUM_CHUNKS = 50


def run_in_chunks(
    run_steps, variables, num_steps, *, batch_shape, dtype, jit_compile, progress_bar
):
    """Makes `num_steps` steps, or as many as are finite.

    Args:
      run_steps: what `build_run_steps` returned.
      variables: list of the `tf.Variable`s that it trains.
      num_steps: Python `int`.
      batch_shape: shape of the loss.
      dtype: dtype of the loss.
      jit_compile: whether `run_steps` is compiled with XLA, for the error message.
      progress_bar: whether to show one, on stderr.

    Returns:
      `(step, best_parameters, traces)`: the number of steps made, `num_steps` unless the
      loss or a gradient was not finite; a tuple of `Tensor`s; and float arrays of the
      loss, beta and global gradient norm, of `step` rows.

    Raises:
      RuntimeError: if XLA cannot compile the loop.
    """
    chunk_size = math.ceil(num_steps / _NUM_CHUNKS)
    buffers = (
        tf.zeros([chunk_size, *batch_shape], dtype),
        tf.zeros([chunk_size], dtype),
        tf.zeros([chunk_size], dtype),
    )
    best = initial_best(variables, dtype)
    chunks, step = [], 0
    with tqdm(total=num_steps, disable=not progress_bar, unit="step") as bar:
        while step < num_steps:
            end = min(step + chunk_size, num_steps)
            try:
                stop, best, traces = run_steps(
                    tf.constant(step), tf.constant(end), best, buffers
                )
            except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as e:
                if step == 0 and jit_compile:
                    raise RuntimeError(
                        "XLA could not compile the fit; pass jit_compile=False. It "
                        f"said: {str(e).strip().splitlines()[0]}"
                    ) from e
                raise
            stop = int(stop)
            chunks.append([trace.numpy()[: stop - step] for trace in traces])
            bar.update(stop - step)
            step = stop
            if stop < end:
                break
            bar.set_postfix(loss=f"{np.mean(chunks[-1][0]):.4f}", refresh=False)
    traces = [np.concatenate(parts) for parts in zip(*chunks, strict=True)]
    return step, best[2], traces
