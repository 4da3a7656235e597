"""The one assembly under all fits: an objective, an optimizer, events, the loop."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows import numerics, training
from tfp_flows.files import locked, prepare_folder, remove_parts
from tfp_flows.types import Optimizer, PathLike, Seed, Variables
from tfp_flows.vi.arguments import (
    check_clip_norm,
    check_instances,
    check_num_steps,
    check_optimizer,
    check_optional_size,
    check_place,
    check_resumable,
    check_strategy,
    check_variables,
)
from tfp_flows.vi.fit_result import FitError, FitInterrupted, FitResult
from tfp_flows.vi.objective import Objective
from tfp_flows.vi.program import program_for
from tfp_flows.vi.settings import check_workers, settings_of
from tfp_flows.vi.train import train

# XLA makes a step of a planar stack in a half to a twentieth of the plain graph's time at
# every D from 2 to 2048, a millisecond or more; it compiles in 1.3 to 1.8 s instead of
# 0.4 s. Shorter fits than this are over before the difference is earned back.
_XLA_STEPS = 1_000
# Steps per call of workers, if not given.
_STEPS_OF_WORKERS = 100


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
    strategy: tf.distribute.Strategy | None = None,
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
      jit_compile: whether to compile with XLA; `None` does for 1,000 steps and more, of
        objectives that suit it (`Objective.suits_xla`), but not with a strategy of
        several replicas, which XLA cannot compile.
      strategy: `tf.distribute.MirroredStrategy`, or `MultiWorkerMirroredStrategy`, whose
        R replicas share each step: every one has samples, or a part of the batch, of its
        own, and gradients and losses are averaged. What is drawn depends on R. Flow and
        call are outside of its scope. Several workers make the same call, with a `seed`;
        the first writes checkpoints, to a folder that all see.
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
      `FitResult`. How steps that are not finite are dealt with, and interrupts,
      `fit_reverse_kl` says.

    Raises:
      ImportError: if there is a `tensorboard_dir`, but no TensorBoard.
      TypeError: if `flow`, `objective`, an event or `optimizer` is none, a setting is no
        plain value, the objective returns something else than three terms, or as its
        `bind`.
      ValueError: if a number is out of range, the flow has no trainable variables, the
        checkpoint is damaged or of another fit, two settings have one name, or as the
        objective's `bind`. All of this comes before training starts.
      FitError: if losses, gradients or updates stay infinite or NaN.
      FitInterrupted: at SIGINT or SIGTERM.
      RuntimeError: if XLA cannot compile the objective; in a graph, under a
        `tf.GradientTape`, and in the scope of a strategy.
    """
    started = time.perf_counter()
    check_place()
    check_instances(flow, objective, events)
    check_resumable(objective.is_function_of_step, checkpoint_dir)
    num_steps = check_num_steps(num_steps)
    steps_per_execution = check_optional_size("steps_per_execution", steps_per_execution)
    check_optimizer(optimizer)
    clip_norm = check_clip_norm(clip_norm, flow)
    strategy = check_strategy(strategy, jit_compile)
    workers = training.Workers(strategy)
    if workers.are_many:
        # By its own time, each would make calls of other lengths.
        steps_per_execution = steps_per_execution or _STEPS_OF_WORKERS
    uses_xla = num_steps >= _XLA_STEPS and strategy is None
    if jit_compile is not None:
        uses_xla = numerics.check_flag("jit_compile", jit_compile)
    writes = _checkpoint(checkpoint_dir, checkpoint_steps, checkpoint_seconds, workers)
    with contextlib.ExitStack() as at_the_end:
        interrupt, monitor, checkpoint = at_the_end.enter_context(
            _observers(workers, progress_bar, tensorboard_dir, writes)
        )
        if seed is None and checkpoint is not None:
            seed = checkpoint.seed
        seed = numerics.stateless_seed(seed)
        bound = objective.bind(flow, seed=seed, jit_compile=uses_xla)
        if jit_compile is None and uses_xla:
            uses_xla = bound.suits_xla()
        loop = dict(num_steps=num_steps, clip_norm=clip_norm, jit_compile=uses_xla)
        # Networks in a flow make theirs when it is first used.
        variables = check_variables(flow, trainable_variables)
        fingerprint = bound.fingerprint()
        what = dict(loop, name=numerics.check_name(name), strategy=strategy)
        what["decays"] = not any(event.lowers_rate for event in events)
        program = at_the_end.enter_context(
            program_for(bound, variables, optimizer, fingerprint, **what)
        )
        if strategy is not None:
            loop["num_replicas"] = strategy.num_replicas_in_sync
        settings = settings_of(loop, bound, program.optimizer, settings)
        check_workers(workers, settings, variables)
        run = program.new_run(num_steps)
        if checkpoint is not None:
            checkpoint.of_fit(settings, fingerprint)
        fields, failure = train(
            program.run_steps,
            run,
            [*events, *program.events],
            interrupt=interrupt,
            monitor=monitor,
            checkpoint=checkpoint,
            chunk_size=steps_per_execution,
            jit_compile=uses_xla,
            workers=workers,
        )
    seconds = run.earlier_seconds + time.perf_counter() - started
    result = FitResult(**dict(flow=flow, settings=settings, seconds=seconds) | fields)
    if interrupt.signum is not None:
        interrupt.pass_on()
        raise FitInterrupted(_describe_interrupt(run, checkpoint), result)
    if failure is not None:
        raise FitError(failure, result)
    return result


@contextlib.contextmanager
def _observers(
    workers: training.Workers,
    progress_bar: bool,
    tensorboard_dir: PathLike | None,
    writes: AbstractContextManager,
) -> Iterator[tuple]:
    """A context with what looks at a fit from outside: signals, monitor, checkpoint."""
    is_chief = workers.is_chief
    with (
        contextlib.closing(training.Interrupt(workers)) as interrupt,
        contextlib.closing(
            training.Monitor(
                progress_bar=numerics.check_flag("progress_bar", progress_bar)
                and is_chief,
                tensorboard_dir=tensorboard_dir if is_chief else None,
            )
        ) as monitor,
        writes as checkpoint,
    ):
        yield interrupt, monitor, checkpoint


@contextlib.contextmanager
def _checkpoint(
    folder: PathLike | None,
    every_steps: int | None,
    every_seconds: float,
    workers: training.Workers,
) -> Iterator[training.Checkpoint | None]:
    """A context with the checkpoint in a folder, for nobody else meanwhile, or none."""
    every_steps = check_optional_size("checkpoint_steps", every_steps)
    numerics.check_number("checkpoint_seconds", every_seconds, least=0.0)
    if folder is None:
        yield None
        return
    path = prepare_folder(folder, "checkpoint_dir") / training.Checkpoint.FILE
    with contextlib.ExitStack() as at_the_end:
        if workers.is_chief:
            at_the_end.enter_context(locked(path))
            remove_parts(path)  # of fits that were killed
        yield training.Checkpoint(
            folder,
            every_steps=every_steps,
            every_seconds=every_seconds,
            is_writer=workers.is_chief,
        )


def _describe_interrupt(run: training.Run, checkpoint: training.Checkpoint | None) -> str:
    """Where a fit was interrupted, and how it goes on."""
    way = "Pass a `checkpoint_dir` to fits that are to go on after an interrupt."
    if checkpoint is not None:
        way = f"The same call goes on from {checkpoint.path}."
    return f"Interrupted after {run.step} of {run.num_steps} steps. {way}"
