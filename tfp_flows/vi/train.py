"""The steps of a fit with the events between them, from start to result."""

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_flows import training
from tfp_flows.vi.fit_result import FitResult


def train(
    run_steps: Callable,
    run: training.Run,
    events: Sequence[training.Event],
    *,
    interrupt: training.Interrupt,
    monitor: training.Monitor,
    checkpoint: training.Checkpoint | None,
    chunk_size: int | None,
    jit_compile: bool,
    workers: training.Workers,
) -> tuple[dict[str, Any], str | None]:
    """Makes the steps; returns fields of the result, and what went wrong or `None`."""
    objective = run.objective
    every_event = [interrupt, monitor, *events]
    with contextlib.ExitStack() as at_the_end:
        at_the_end.enter_context(workers.errors())
        interrupt.start(run)
        for event in events:
            at_the_end.callback(event.close)
            event.start(run)
        if checkpoint is not None:
            checkpoint.resume(run, events)
            every_event.append(checkpoint)
        monitor.start(run)
        compile_seconds, stopped_by = training.run_in_chunks(
            run_steps,
            run,
            events=every_event,
            chunk_size=chunk_size,
            jit_compile=jit_compile,
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
            fields = _conclude(event, fields)
    return fields, failure


def _conclude(event: training.Event, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of the result, as the event has them."""
    concluded = event.conclude(fields)
    if not isinstance(concluded, dict):
        raise TypeError(
            f"{type(event).__name__}.conclude must return the fields of the result, a "
            f"dict, but returned {concluded!r}."
        )
    unknown = sorted(set(concluded) - {f.name for f in dataclasses.fields(FitResult)})
    if unknown:
        raise TypeError(
            f"{type(event).__name__}.conclude returned {', '.join(map(repr, unknown))}, "
            "which no FitResult has; keep it as an attribute of the event."
        )
    return concluded


def _describe_failure(run: training.Run) -> str:
    """What went wrong at the last step of a fit, and what to try."""
    step, rate = run.step - 1, float(tf.reduce_min(run.state.rate))
    loss, _, norm = (trace[-1] for trace in run.traces.stacked())
    what, advice = "The loss or a gradient was", None
    if np.all(np.isfinite(loss)) and np.all(np.isfinite(norm)):
        what = "What the optimizer made of a finite gradient was"
        advice = "Check its learning rate."
    return (
        f"{what} not finite at step {step} and the steps before it, for the "
        f"{run.num_rollbacks + 1}th time, with the learning rate down to {rate:g} of the "
        f"given one. {advice or run.objective.explain(step)} The flow holds its best "
        "parameters."
    )
