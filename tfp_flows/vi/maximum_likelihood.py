"""Density estimation with a flow by maximum likelihood."""

import time

import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.vi.arguments import (
    check_clip_norm,
    check_optional_size,
    check_variables,
    optimizer_config,
    prepare_optimizer,
)
from tfp_flows.vi.checkpoint import open_checkpoint
from tfp_flows.vi.chunks import run_in_chunks
from tfp_flows.vi.data_arguments import check_distribution, first_log_prob
from tfp_flows.vi.fit_error import FitError
from tfp_flows.vi.held_out import HeldOut, compile_log_prob
from tfp_flows.vi.likelihood import check_support, describe_failure, mean_nll
from tfp_flows.vi.likelihood_result import LikelihoodResult
from tfp_flows.vi.monitor import Monitor
from tfp_flows.vi.prepare_data import prepare_data
from tfp_flows.vi.recipe import default_optimizer
from tfp_flows.vi.training_loop import build_run_steps
from tfp_flows.vi.training_state import TrainingState

# XLA makes a step of a stack of 32 layers in a third to a twentieth of the plain graph's
# time, and compiles in 1.5 to 3.5 s instead of 0.5 s.
_XLA_STEPS = 1_000


def fit_maximum_likelihood(
    flow,
    data,
    *,
    num_steps=10_000,
    batch_size=None,
    validation_split=None,
    validation_data=None,
    evaluation_steps=None,
    patience=10,
    optimizer=None,
    clip_norm=10.0,
    seed=None,
    trainable_variables=None,
    jit_compile=None,
    steps_per_execution=None,
    checkpoint_dir=None,
    checkpoint_steps=None,
    checkpoint_seconds=60.0,
    progress_bar=True,
    name="fit_maximum_likelihood",
):
    """Fits `flow` to points by maximising their mean log likelihood.

    Minimises the negative log likelihood (NLL) per point, in nats,

    ```none
    -1/N sum_n log q(x_n),    log q(x) = log p(z) - log|det df/dz|,    z = f^-1(x),
    ```

    over the trainable variables of the flow q, by stochastic gradients on mini-batches.
    In expectation over the points it is KL(data || q) plus the entropy of the data.

    `log_prob` of a flow from `tff.planar_flow` and others goes through the exact inverse
    of its layers, with gradients by the implicit function theorem. The flow of the
    *inverted* stack is as flexible, and its `log_prob` is the cheap forward map, while
    sampling takes the exact inverse:

    ```python
    flow = tff.planar_flow(2, 32, seed=0)
    flow = tfd.TransformedDistribution(flow.distribution, tfb.Invert(flow.bijector))
    ```

    A step of 32 planar layers on 256 points in the plane takes a third of the time so,
    and held-out likelihoods are alike: take this direction of planar flows for density
    estimation, and the other one where samples count, or where the flow goes on to
    `fit_reverse_kl`. Radial flows cost about the same in both, and fit better as built.

    With held-out points, which a tenth of an array is by default, the flow ends with the
    parameters whose held-out NLL was lowest, and the fit stops when that has not fallen
    for `patience` evaluations. Standardise the data first: the flow starts as about its
    base.

    The default `optimizer` is Adam with warm-up and cosine decay from 0.02 to 0 over
    `num_steps`; held-out NLLs of planar flows of 32 layers on two moons differ by less
    than 0.05 nats for peaks from 0.005 to 0.05. The whole fit is one compiled program,
    called in chunks. The same seed gives the same result on the same machine with the
    same `jit_compile`.

    #### Example

    ```python
    flow = tff.planar_flow(2, 32, seed=0)
    result = tff.vi.fit_maximum_likelihood(flow, x, seed=1)   # x: [N, 2]
    print(result)                       # held-out NLL
    flow.log_prob(x), flow.sample(100)
    ```

    Args:
      flow: `tfd.Distribution` with trainable variables and a differentiable `log_prob`:
        a flow of this package, or any other. A batch of flows trains each member as if it
        were alone, on the same batches of points.
      data: points to train on: an array or `Tensor` of shape `[N, *event_shape]`; or a
        `tf.data.Dataset` of batches `[B, *event_shape]` of the flow's dtype, read in its
        order and again from the start at its end (shuffle it as you like; later batches
        may be smaller than the first). NumPy arrays of any floating dtype are cast.
      num_steps: number of updates, at most.
      batch_size: B, points per update, drawn in epochs without replacement; the last N
        mod B points of an epoch are left out. `None` is 256, or N if that is less. Not
        with a dataset.
      validation_split: share of the points, chosen by `seed`, that is held out; 0 is
        none. `None` is 0.1 for an array without `validation_data`. Not with a dataset.
      validation_data: held-out points: an array, or a finite dataset of batches.
      evaluation_steps: updates between two evaluations of the held-out points; `None` is
        a fiftieth of `num_steps`.
      patience: evaluations in a row without a lower held-out NLL before the fit stops;
        `None` makes all steps, which may find a little more: the NLL often falls once
        more as the learning rate decays.
      optimizer: a Keras 3 or tf_keras optimizer; its state goes on from where it is.
        `None` is `tff.vi.default_optimizer(num_steps)`.
      clip_norm: largest norm of all gradients together, before the optimizer sees them;
        of each member of a batch of flows. `None` does not clip.
      seed: `int` or stateless TFP seed of split and batches; `None` draws a new one.
      trainable_variables: those to train, where `flow.trainable_variables` does not list
        them: TFP does not see the networks inside the functions that some bijectors take.
      jit_compile: whether to compile with XLA; `None` does for 1,000 steps and more.
      steps_per_execution: as in `fit_reverse_kl`.
      checkpoint_dir: as in `fit_reverse_kl`; for arrays, whose batches are a function of
        the step. The file knows the data by their checksum.
      checkpoint_steps: steps between two writes of it; `None` goes by time.
      checkpoint_seconds: seconds between two writes, if `checkpoint_steps` is `None`.
      progress_bar: whether to show one, on stderr.
      name: Python `str`, prefix of the names of the ops.

    Returns:
      `LikelihoodResult`, a `FitResult` with held-out NLLs. Steps that are not finite are
      skipped, and lasting faults rolled back, as in `fit_reverse_kl`.

    Raises:
      TypeError: if `flow` is no distribution, the points have another dtype, or
        `optimizer` is not an optimizer.
      ValueError: if points have another shape than `[N, *event_shape]`, are too few, are
        NaN or infinite, or outside the support of the flow; if `log_prob` fails; if a
        number is out of range, or the checkpoint is damaged or of another fit. All of
        this comes before training starts, except for later batches of a dataset.
      FitError: if losses or gradients stay infinite or NaN; it says where, and has the
        `result` up to there. The flow holds its best parameters.
      RuntimeError: if XLA cannot compile the flow.
    """
    started = time.perf_counter()
    num_steps = numerics.check_size("num_steps", num_steps)
    steps_per_execution = check_optional_size("steps_per_execution", steps_per_execution)
    checkpoint_steps = check_optional_size("checkpoint_steps", checkpoint_steps)
    patience = check_optional_size("patience", patience)
    every_steps = check_optional_size("evaluation_steps", evaluation_steps)
    every_steps = every_steps or max(1, num_steps // 50)
    check_clip_norm(clip_norm)
    check_distribution(flow)
    if jit_compile is None:
        jit_compile = num_steps >= _XLA_STEPS
    if checkpoint_dir is not None and isinstance(data, tf.data.Dataset):
        raise ValueError(
            "`checkpoint_dir` is for arrays: where an interrupted fit was in a "
            "tf.data.Dataset is not known; pass an array, or no `checkpoint_dir`."
        )
    checkpoint, seed = open_checkpoint(
        checkpoint_dir,
        seed,
        every_steps=checkpoint_steps,
        every_seconds=checkpoint_seconds,
    )
    batches, training, validation, data_settings = prepare_data(
        flow, data, batch_size, validation_split, validation_data, seed
    )
    first_log_prob(flow, training)
    variables = check_variables(flow, trainable_variables)
    if optimizer is None:
        optimizer = default_optimizer(num_steps)
    prepare_optimizer(optimizer, variables)
    settings = dict(
        num_steps=num_steps,
        **data_settings,
        evaluation_steps=every_steps,
        patience=patience,
        optimizer=type(optimizer).__name__,
        optimizer_config=optimizer_config(optimizer),
        clip_norm=clip_norm,
        seed=[int(part) for part in seed],
        jit_compile=bool(jit_compile),
        dtype=flow.dtype.name,
    )

    arrays = [training] if validation is None else [validation, training]
    log_prob_fn = compile_log_prob(flow, *arrays, jit_compile=jit_compile)
    check_support(flow, log_prob_fn, training, "data")
    batch_shape, dtype = flow.batch_shape, flow.dtype
    if validation is None:
        held_out, state = None, TrainingState.initial(variables, batch_shape, dtype)
    else:
        check_support(flow, log_prob_fn, validation, "validation_data")
        held_out = HeldOut(
            log_prob_fn,
            validation,
            every_steps=every_steps,
            num_steps=num_steps,
            patience=patience,
        )
        state = held_out.initial_state(variables, batch_shape, dtype)
        held_out.update(state, variables)
    if checkpoint is not None:
        state = checkpoint.restore(state, settings, variables, optimizer)

    def objective_fn(step):
        with tf.name_scope(name):
            loss = mean_nll(flow, *batches.batch(step))
            return tf.reduce_sum(loss), loss, tf.ones([], dtype)

    run_steps = build_run_steps(
        objective_fn,
        variables,
        optimizer,
        clip_norm=clip_norm,
        batch_shape=batch_shape,
        jit_compile=jit_compile,
    )
    training_started = time.perf_counter()
    with Monitor(
        lambda loss: dict(NLL=loss), num_steps, state.step, progress_bar=progress_bar
    ) as monitor:
        compile_seconds = run_in_chunks(
            batches.feed(run_steps),
            state,
            variables,
            num_steps,
            batch_shape=batch_shape,
            chunk_size=steps_per_execution,
            monitor=monitor,
            jit_compile=jit_compile,
            checkpoint=checkpoint,
            events=[] if held_out is None else [held_out],
            max_chunk_size=batches.max_chunk_size,
        )
    train_seconds = time.perf_counter() - training_started - compile_seconds
    has_failed = state.has_failed
    if has_failed:
        failure = describe_failure(flow, batches, state)
        state.roll_back(variables)
    validated = {}
    if held_out is not None:
        for variable, value in zip(variables, state.validated, strict=True):
            variable.assign(value)
        steps, losses = held_out.trace(state)
        best_step, best_loss = held_out.best_step(state)
        validated = dict(
            validation_steps=steps,
            validation_loss=losses,
            best_step=best_step,
            best_validation_loss=best_loss,
        )
    loss, beta, gradient_norm = state.stacked_traces()
    if has_failed:
        stop_reason = "failure"
    else:
        stop_reason = "num_steps" if state.step == num_steps else "early_stopping"
    result = LikelihoodResult(
        flow=flow,
        loss=loss,
        beta=beta,
        gradient_norm=gradient_norm,
        settings=settings,
        seconds=state.seconds + time.perf_counter() - started,
        compile_seconds=compile_seconds,
        train_seconds=state.seconds + train_seconds,
        num_skipped_steps=state.faults[0].numpy(),
        num_rollbacks=state.num_rollbacks,
        stop_reason=stop_reason,
        **validated,
    )
    if has_failed:
        raise FitError(failure, result)
    return result
