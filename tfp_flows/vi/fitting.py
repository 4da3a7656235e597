"""The one assembly under all fits: an objective, an optimizer, events, the loop."""

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows import numerics, training
from tfp_flows.types import Optimizer, PathLike, Seed, Variables
from tfp_flows.vi.arguments import (
    check_clip_norm,
    check_optional_size,
    check_variables,
    optimizer_config,
)
from tfp_flows.vi.fit_result import FitError, FitResult
from tfp_flows.vi.objective import Objective
from tfp_flows.vi.program import program_for

# XLA makes a step of a planar stack in a half to a twentieth of the plain graph's time at
# every D from 2 to 2048, a millisecond or more; it compiles in 1.3 to 1.8 s instead of
# 0.4 s. Shorter fits than this are over before the difference is earned back.
_XLA_STEPS = 1_000


def fit(
    flow: tfd.Distribution,
    objective: Objective,
    *,
    num_steps: int,
    events: Sequence[training.Event] = (),
    optimizer: Optimizer = None,
    clip_norm: float | None = 1.0,
    seed: Seed = None,
    trainable_variables: Variables | None = None,
    jit_compile: bool | None = None,
    steps_per_execution: int | None = None,
    checkpoint_dir: PathLike | None = None,
    checkpoint_steps: int | None = None,
    checkpoint_seconds: float = 60.0,
    tensorboard_dir: PathLike | None = None,
    progress_bar: bool = True,
    settings: dict[str, Any] | None = None,
    name: str = "fit",
) -> FitResult:
    """Fits `flow` by stochastic gradients on any objective.

    `tff.vi.fit_reverse_kl` and `tff.vi.fit_maximum_likelihood` call it, with objectives
    and events of their own: take those, unless you bring one yourself.

    #### Example

    ```python
    objective = tff.vi.ReverseKL(target, sample_size=2_048)
    events = [tff.training.PlateauTest(10_000)]
    result = tff.vi.fit(flow, objective, num_steps=10_000, events=events, seed=0)
    ```

    Args:
      flow: `tfd.Distribution` with trainable variables; it is trained in place. A batch
        of flows trains each member as if it were alone.
      objective: `tff.vi.Objective`, which `fit` binds to the flow.
      num_steps: number of updates, at most.
      events: `tff.training.Event`s, in the order of their updates.
      optimizer: a Keras 3 or tf_keras optimizer; its state goes on from where it is.
        `None` is that of the recipe of `fit_reverse_kl`.
      clip_norm: largest norm of all gradients together, before the optimizer sees them;
        of each member of a batch of flows. `None` does not clip.
      seed: `int` or stateless TFP seed; `None` draws a new one.
      trainable_variables: those to train; `None` is those of the flow.
      jit_compile: whether to compile with XLA; `None` does for 1,000 steps and more.
      steps_per_execution: updates per call of the compiled program, between which the
        progress bar moves and an interrupt is seen; `None` is as many as take about a
        quarter of a second. Results do not depend on it.
      checkpoint_dir: folder for the file `fit.npz`, which holds the state of the fit and
        is replaced as a whole. If it is there, the fit goes on from it.
      checkpoint_steps: steps between two writes of it; `None` goes by time.
      checkpoint_seconds: seconds between two writes, if `checkpoint_steps` is `None`.
      tensorboard_dir: folder for an event file of TensorBoard.
      progress_bar: whether to show one, on stderr.
      settings: `dict` of plain values to record, and to compare with those of a
        checkpoint, besides what `fit` and the objective record.
      name: Python `str`, prefix of the names of the ops.

    Returns:
      `FitResult`. How steps that are not finite are dealt with, `fit_reverse_kl` says.

    Raises:
      TypeError: if `optimizer` is not an optimizer, or as the objective's `bind`.
      ValueError: if a number is out of range, the flow has no trainable variables, the
        checkpoint is damaged or of another fit, or as the objective's `bind`. All of this
        comes before training starts.
      FitError: if losses or gradients stay infinite or NaN.
      RuntimeError: if XLA cannot compile the objective.
    """
    started = time.perf_counter()
    num_steps = numerics.check_size("num_steps", num_steps)
    events = _check_events(events)
    steps_per_execution = check_optional_size("steps_per_execution", steps_per_execution)
    checkpoint_steps = check_optional_size("checkpoint_steps", checkpoint_steps)
    check_clip_norm(clip_norm)
    if jit_compile is None:
        jit_compile = num_steps >= _XLA_STEPS
    monitor = training.Monitor(progress_bar=progress_bar, tensorboard_dir=tensorboard_dir)
    checkpoint = None
    if checkpoint_dir is not None:
        checkpoint = training.Checkpoint(
            checkpoint_dir, every_steps=checkpoint_steps, every_seconds=checkpoint_seconds
        )
    if seed is None and checkpoint is not None:
        seed = checkpoint.seed
    fit_seed = numerics.stateless_seed(seed)
    bound = objective.bind(flow, seed=fit_seed, jit_compile=jit_compile)
    variables = check_variables(flow, trainable_variables)
    loop = dict(num_steps=num_steps, clip_norm=clip_norm, jit_compile=bool(jit_compile))
    decays = not any(event.lowers_rate for event in events)
    fingerprint = bound.fingerprint()
    with program_for(
        bound, variables, optimizer, fingerprint, decays=decays, name=name, **loop
    ) as program:
        optimizer = program.optimizer
        settings = dict(
            **loop,
            objective=type(objective).__name__,
            **bound.settings(),
            **(settings or {}),
            optimizer=type(optimizer).__name__,
            optimizer_config=optimizer_config(optimizer),
            seed=[int(part) for part in fit_seed],
            dtype=flow.dtype.name,
        )
        if isinstance(optimizer, training.EigenbasisAdam) and not optimizer.updates_basis:
            events = [*events, training.BasisUpdates(optimizer)]
        run = training.Run(
            program.objective,
            program.variables,
            optimizer,
            flow.batch_shape,
            flow.dtype,
            num_steps,
        )
        fields, failure = _train(
            program.run_steps,
            run,
            events,
            monitor=monitor,
            checkpoint=checkpoint,
            settings=settings,
            fingerprint=fingerprint,
            chunk_size=steps_per_execution,
        )
    seconds = run.earlier_seconds + time.perf_counter() - started
    result = FitResult(**dict(flow=flow, settings=settings, seconds=seconds) | fields)
    if failure is not None:
        raise FitError(failure, result)
    return result


def _check_events(events: Sequence[training.Event]) -> list[training.Event]:
    """The events as a list, each of a class of its own, whose name a checkpoint uses."""
    if isinstance(events, training.Event):
        raise TypeError(f"`events` must be a sequence of events, but got {events!r}.")
    events = list(events)
    names = [type(event).__name__ for event in events]
    for event, name in zip(events, names, strict=True):
        if not isinstance(event, training.Event):
            raise TypeError(
                f"`events` must be instances of tff.training.Event, but got {event!r}."
            )
        if names.count(name) > 1:
            raise ValueError(
                f"`events` has several of class {name}, by whose name a checkpoint knows "
                "what they remember; make a subclass of another name."
            )
    return events


def _train(
    run_steps: Callable,
    run: training.Run,
    events: Sequence[training.Event],
    *,
    monitor: training.Monitor,
    checkpoint: training.Checkpoint | None,
    settings: dict[str, Any],
    fingerprint: np.ndarray | None,
    chunk_size: int | None,
) -> tuple[dict[str, Any], str | None]:
    """Makes the steps; returns fields of the result, and what went wrong or `None`."""
    objective = run.objective
    every_event = [monitor, *events]
    with contextlib.ExitStack() as at_the_end:
        for event in events:
            event.start(run)
            at_the_end.callback(event.close)
        if checkpoint is not None:
            checkpoint.resume(run, events, settings, fingerprint)
            every_event.append(checkpoint)
        at_the_end.callback(monitor.close)
        monitor.start(run)
        compile_seconds, stopped_by = training.run_in_chunks(
            run_steps,
            run,
            events=every_event,
            chunk_size=chunk_size,
            jit_compile=settings["jit_compile"],
        )
        train_seconds, failure = run.seconds, None
        stop_reason = "num_steps" if stopped_by is None else stopped_by.stop_reason
        if run.state.has_failed:
            stop_reason, failure = "failure", _describe_failure(run)
            run.roll_back()
        loss, beta, gradient_norm = run.traces.stacked()
        fields = dict(
            loss=loss,
            beta=beta,
            gradient_norm=gradient_norm,
            compile_seconds=compile_seconds,
            train_seconds=train_seconds,
            num_skipped_steps=run.state.faults.total.numpy(),
            num_rollbacks=run.num_rollbacks,
            stop_reason=stop_reason,
            describe=objective.describe,
            log_normalizer=objective.log_normalizer,
        )
        for event in events:
            fields = event.conclude(fields)
    return fields, failure


def _describe_failure(run: training.Run) -> str:
    """What went wrong at the last step of a fit, and what to try."""
    step, rate = run.step - 1, float(tf.reduce_min(run.state.rate))
    return (
        f"The loss or a gradient was not finite at step {step} and the steps before it, "
        f"for the {run.num_rollbacks + 1}th time, with the learning rate down to "
        f"{rate:g} of the given one. {run.objective.explain(step)} The flow holds its "
        "best parameters."
    )
