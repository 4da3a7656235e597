"""A compiled loop of steps, called in chunks to move a progress bar."""

import contextlib
import math
import time

import tensorflow as tf

from tfp_flows.vi.plateau import rate_factor

# A call of the compiled loop costs half a millisecond, whatever it does: calls of a
# quarter of a second, but at least so many per fit that the bar moves.
_CALL_SECONDS = 0.25
_LEAST_CALLS = 10


def run_in_chunks(
    run_steps,
    state,
    variables,
    num_steps,
    *,
    batch_shape,
    chunk_size,
    monitor,
    jit_compile,
    checkpoint=None,
    events=(),
    sharing_fn=None,
    max_chunk_size=None,
):
    """Makes the steps from `state.step` to `num_steps`, or until an event stops the fit.

    After too many faults in a row a flow goes back to its best parameters, at half the
    learning rate. If that has not helped, the state that has failed is left as it is.

    Args:
      run_steps: what `build_run_steps` returned.
      state: `TrainingState`, brought up to date.
      variables: list of the `tf.Variable`s that are trained.
      num_steps: Python `int`.
      batch_shape: shape of the loss.
      chunk_size: steps per call; `None` is about a quarter of a second's.
      monitor: `Monitor` that shows the progress.
      jit_compile: whether `run_steps` is compiled with XLA, for the error message.
      checkpoint: `Checkpoint` to write to, or `None`.
      events: `Event`s, in the order of their updates.
      sharing_fn: callable, Python `int` step to the `sharing` of `run_steps`, constant
        between events; `None` is no sharing.
      max_chunk_size: most steps per call; `None` does not limit them.

    Returns:
      The time in seconds that tracing and compilation took.

    Raises:
      RuntimeError: if XLA cannot compile the loop.
    """
    capacity = min(chunk_size or math.ceil(num_steps / _LEAST_CALLS), num_steps)
    if max_chunk_size is not None:
        capacity = min(capacity, max_chunk_size)
    running = state.best[0]
    buffers = (
        tf.zeros([capacity, *batch_shape], running.dtype),
        tf.zeros([capacity], running.dtype),
        tf.zeros([capacity, *running.shape], running.dtype),
    )

    def call(start, end):
        sharing = sharing_fn and tf.constant(sharing_fn(start), running.dtype)
        return run_steps(
            tf.constant(start),
            tf.constant(end),
            state.rate * rate_factor(state.num_plateaus),
            state.faults,
            state.best,
            buffers,
            sharing,
        )

    def is_over():
        has_stopped = any(event.has_stopped(state) for event in events)
        return has_stopped or state.step >= num_steps

    compile_seconds = _compile(call, jit_compile)
    # The first call is short, to measure the time of a step.
    size = min(chunk_size or 10, capacity)
    began = time.perf_counter()
    while not is_over():
        started = time.perf_counter()
        limits = [num_steps - state.step, *(e.steps_left(state.step) for e in events)]
        if checkpoint is not None and checkpoint.every_steps is not None:
            limits.append(checkpoint.steps_left(state.step))
        stop, state.faults, state.best, traces = call(
            state.step, state.step + min(size, *limits)
        )
        done = int(stop) - state.step
        state.traces.append([trace.numpy()[:done] for trace in traces])
        state.step += done
        monitor.update(state, done)
        if tf.reduce_any(state.is_faulty):
            if state.has_failed:
                return compile_seconds
            state.roll_back(variables)
        for event in events:
            event.update(state, variables)
        if chunk_size is None:
            seconds_per_step = (time.perf_counter() - started) / done
            size = min(max(int(_CALL_SECONDS / seconds_per_step), 1), capacity)
        if checkpoint is not None and not is_over():
            checkpoint.save_if_due(state, time.perf_counter() - began)
    if checkpoint is not None:
        checkpoint.save(state, time.perf_counter() - began)
    return compile_seconds


def _compile(call, jit_compile):
    """Traces and compiles the loop, by a call that makes no step; the seconds it took."""
    started = time.perf_counter()
    with xla_errors(jit_compile):
        call(0, 0)
    return time.perf_counter() - started


@contextlib.contextmanager
def xla_errors(jit_compile):
    """Turns errors of XLA's compiler into a `RuntimeError` that says what to do."""
    try:
        yield
    except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
        if not jit_compile:
            raise
        raise RuntimeError(
            "XLA could not compile the fit; pass jit_compile=False. It said: "
            f"{str(error).strip().splitlines()[0]}"
        ) from error
