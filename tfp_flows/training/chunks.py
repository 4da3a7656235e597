"""A compiled loop of steps, called in chunks, with events between them."""

import contextlib
import math
import numbers
import time
from collections.abc import Callable, Iterator, Sequence

import tensorflow as tf

from tfp_flows import numerics, startup
from tfp_flows.training.event import Event
from tfp_flows.training.run import Run

# A call of the compiled loop costs half a millisecond, whatever it does: calls of a
# quarter of a second, but at least so many per fit that the bar moves, and of so few
# steps that their traces take little memory.
_CALL_SECONDS = 0.25
_LEAST_CALLS = 10
_MOST_STEPS = 10_000


def run_in_chunks(
    run_steps: Callable,
    run: Run,
    *,
    events: Sequence[Event] = (),
    chunk_size: int | None = None,
    jit_compile: bool = False,
) -> tuple[float, Event | None]:
    """Makes the steps from `run.step` to `run.num_steps`, or until an event stops it.

    After too many faults in a row a flow goes back to its best parameters, at half the
    learning rate. If that has not helped, the state that has failed is left as it is.

    Args:
      run_steps: what `build_run_steps` returned.
      run: `Run`, brought up to date. Its objective's `feed(start, end)` is called before
        each call of the loop, which makes at most `max_chunk_size` steps, if not `None`.
      events: `Event`s, in the order of their updates.
      chunk_size: steps per call; `None` is about a quarter of a second's.
      jit_compile: whether `run_steps` is compiled with XLA, for the error message.

    Returns:
      The time in seconds that tracing and compilation took, and the event that has
      stopped the fit, or `None`.

    Raises:
      XlaError: if XLA cannot compile the loop.
      ValueError: if an event asks for an update after no step, or for a rate that is no
        number from 0 to 1.
    """
    most_per_call = math.ceil(run.num_steps / _LEAST_CALLS)
    capacity = min(chunk_size or most_per_call, run.num_steps, _MOST_STEPS)
    if run.objective.max_chunk_size is not None:
        capacity = min(capacity, run.objective.max_chunk_size)
    call = _caller(run_steps, run, events, capacity)
    started = time.perf_counter()
    with xla_errors(jit_compile):
        call(0, 0)
    compile_seconds = time.perf_counter() - started

    run.began = time.perf_counter()
    # The first call is short, to measure the time of a step.
    size = min(chunk_size or 10, capacity)
    while not (stopped := [e for e in events if e.has_stopped()]) and (
        run.step < run.num_steps
    ):
        started = time.perf_counter()
        left = [run.num_steps - run.step, *(_steps_left(e, run.step) for e in events)]
        done = call(run.step, run.step + int(min(size, *left)))
        if tf.reduce_any(run.state.is_faulty):
            if run.state.has_failed:
                return compile_seconds, None
            run.roll_back()
        for event in events:
            event.update(run)
        if chunk_size is None:
            seconds_per_step = (time.perf_counter() - started) / done
            size = min(max(int(_CALL_SECONDS / seconds_per_step), 1), capacity)
    for event in events:
        event.finish(run)
    return compile_seconds, stopped[0] if stopped else None


def _steps_left(event: Event, step: int) -> float:
    left = event.steps_left(step)
    if not isinstance(left, numbers.Real) or not left >= 1:
        raise ValueError(
            f"{type(event).__name__}.steps_left({step}) returned {left!r}, but must say "
            "how many steps may follow before its `update`: at least 1, or math.inf."
        )
    return float(left)


def _rate(event: Event) -> float:
    # Not NaN, which the loop would take for 1.
    return numerics.check_number(
        f"{type(event).__name__}.rate()", event.rate(), least=0.0, most=1.0
    )


def _caller(
    run_steps: Callable, run: Run, events: Sequence[Event], capacity: int
) -> Callable[[int, int], int]:
    """A function of `start` and `end` that makes these steps; returns how many."""
    running = run.state.best.running
    buffers = (
        tf.zeros([capacity, *run.batch_shape], running.dtype),
        tf.zeros([capacity], running.dtype),
        tf.zeros([capacity, *running.shape], running.dtype),
    )

    def call(start: int, end: int) -> int:
        run.objective.feed(start, end)
        weights = [event.sharing(start) for event in events]
        sharing = next((w for w in weights if w is not None), None)
        state = run.state
        stop, state.faults, state.best, traces = run_steps(
            tf.constant(start),
            tf.constant(end),
            state.rate * math.prod(map(_rate, events)),
            state.faults,
            state.best,
            buffers,
            None if sharing is None else tf.constant(sharing, running.dtype),
        )
        done = int(stop) - start
        if done:
            run.traces.append([trace.numpy()[:done] for trace in traces])
        state.step += done
        return done

    return call


class XlaError(RuntimeError):
    """XLA could not compile a program."""


@contextlib.contextmanager
def xla_errors(jit_compile: bool) -> Iterator[None]:
    """Turns errors of XLA's compiler into an `XlaError` that says what to do."""
    try:
        yield
    except (
        tf.errors.InvalidArgumentError,
        tf.errors.OutOfRangeError,  # a file of compiled programs that was cut short
        tf.errors.UnimplementedError,
    ) as error:
        if not jit_compile:
            raise
        folder = startup.compilations_folder()
        advice = "" if folder is None else f", or delete {folder} if a file is damaged"
        raise XlaError(
            f"XLA could not compile the fit; pass jit_compile=False{advice}. It said: "
            f"{str(error).strip().splitlines()[0]}"
        ) from error
