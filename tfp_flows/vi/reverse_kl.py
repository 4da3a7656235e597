"""Variational inference with a flow by stochastic gradients on the reverse KL."""

import time

import tensorflow as tf

from tfp_flows import numerics
from tfp_flows.vi.arguments import (
    check_clip_norm,
    check_estimator,
    check_flow,
    check_optional_size,
    check_target,
    optimizer_config,
    prepare_optimizer,
)
from tfp_flows.vi.checkpoint import open_checkpoint
from tfp_flows.vi.chunks import run_in_chunks
from tfp_flows.vi.eigenbasis import EigenbasisAdam
from tfp_flows.vi.fit_error import FitError, describe_failure
from tfp_flows.vi.fit_result import FitResult
from tfp_flows.vi.monitor import Monitor, describe_negative_elbo
from tfp_flows.vi.objectives import OBJECTIVES
from tfp_flows.vi.plateau import PlateauTest
from tfp_flows.vi.program import Program, kept_program, rebuild_key
from tfp_flows.vi.recipe import default_budget, linear_annealing, optimizer_for
from tfp_flows.vi.rise import RiseTest
from tfp_flows.vi.tournament import (
    Tournament,
    adopt_leader,
    build_starts,
    copy_values,
    flattened_target,
    resolve_num_starts,
)
from tfp_flows.vi.training_loop import build_run_steps, num_batch_axes
from tfp_flows.vi.training_state import TrainingState, take_from_trace, take_members

# XLA makes a step of a planar stack in a half to a twentieth of the plain graph's time at
# every D from 2 to 2048, a millisecond or more; it compiles in 1.3 to 1.8 s instead of
# 0.4 s. Shorter fits than this are over before the difference is earned back.
_XLA_STEPS = 1_000


def fit_reverse_kl(
    flow,
    target_log_prob_fn,
    *,
    num_steps=None,
    sample_size=None,
    num_starts=None,
    optimizer=None,
    early_stopping=False,
    seed=None,
    annealing_fn="default",
    gradient_estimator="reparameterized",
    clip_norm=1.0,
    jit_compile=None,
    steps_per_execution=None,
    checkpoint_dir=None,
    checkpoint_steps=None,
    checkpoint_seconds=60.0,
    tensorboard_dir=None,
    progress_bar=True,
    name="fit_reverse_kl",
):
    """Fits `flow` to an unnormalized density by minimising the reverse KL divergence.

    Minimises `E_q[log q(x) - beta log p(x)]` over the trainable variables of the flow
    q, with fresh reparameterised samples at each step ([1], eq. 15 and the annealed
    eq. 20). At beta = 1 this is the negative ELBO; adding log Z gives KL(q || p).

    With the default arguments, the recipe is Adam in the eigenbasis of the gradients'
    second moment ([3], here over all parameters of a flow, up to 320 of them; plain Adam
    for larger flows), with warm-up and cosine decay from 0.04, from 80 parameters P on
    from 0.04 sqrt(80 / P) (Adam: 0.02), gradients clipped at global norm 1, beta rising
    from 0.01 to 1 over the first half of the steps, and 8 starts: `flow` competes with 7
    flows of other initial values, which share the samples of a step; after 40, 60 and 75
    % of the steps the half with the higher loss is dropped. Where the loss rises in the
    last fifth of 1,000 steps or more, the best parameters are taken up again, at half the
    rate. The paper used RMSprop, at 1e-5, for 500,000 steps, and one start.

    The whole fit is one compiled program, called in chunks to move the progress bar. The
    programs of the last four fits are kept, with their targets: a fit to the same target,
    with the same settings, of a flow of the same builder, such as one of a sweep over
    seeds, compiles nothing, as long as `optimizer` and `annealing_fn` are the recipe's.
    Other divergences, and bounds with importance weights, are those of `tfp.vi`:
    `tfp.vi.fit_surrogate_posterior` takes the flows of this package as they are.

    The flow is trained in place. The same seed gives the same result on the same
    machine with the same `jit_compile`.

    #### Example

    ```python
    flow = tff.planar_flow(2, 16, seed=0)
    target = tff.targets.get("example1")
    result = tff.vi.fit_reverse_kl(flow, target.unnormalized_log_prob, seed=1)
    ```

    Args:
      flow: `tfd.Distribution` with `experimental_sample_and_log_prob`, reparameterised,
        with trainable variables; event shape `[D]`. A batch of flows, as the builders
        make with `batch_shape`, trains each member as if it were alone.
      target_log_prob_fn: callable, `Tensor` of shape `[S, ..., D]` to `[S, ...]`, the
        log density up to a constant, finite wherever the flow may draw samples.
      num_steps: number of updates. `None` is 6,000 for flows of at most 100 parameters,
        4,000 for those of at most 320, 10,000 for larger ones.
      sample_size: S, samples per update. `None` is 2,048 for flows of at most 100
        parameters, 4,096 for larger ones.
      num_starts: R, 1, 2, 4, 8 or 16, a divisor of `sample_size`: how many flows
        compete. More than one need a flow as the builders return it, which knows how to
        `rebuild` itself. `None` is 8, or as many as leave 64 samples to each, for such
        flows and the default optimizer; else 1. Pass 1 to train on from where a flow is.
      optimizer: a Keras 3 or tf_keras optimizer; its state goes on from where it is. With
        several starts its slots are theirs. `None` is that of the recipe; for flows of
        more than 320 parameters, `tff.vi.default_optimizer(num_steps)`.
      early_stopping: whether to end the fit when the loss no longer falls: when its mean
        over a twentieth of `num_steps`, at beta = 1, is not lower than over the twentieth
        before by 1.645 standard errors. At the first three times the learning rate is
        lowered by 0.3 instead. Its default optimizer has no decay of its own.
      seed: `int` or stateless TFP seed; `None` draws a new one.
      annealing_fn: callable, scalar `int32` step to scalar beta; `None` is beta = 1
        throughout; `"default"` is `tff.vi.linear_annealing(num_steps)`.
      gradient_estimator: `"reparameterized"`, the total derivative of the Monte Carlo
        objective, or `"path"`, the path derivative alone ([2]), whose noise vanishes at a
        perfect fit; for a `tfd.TransformedDistribution`. Both are unbiased.
      clip_norm: largest norm of all gradients together, before the optimizer sees them;
        of each member of a batch of flows. `None` does not clip.
      jit_compile: whether to compile with XLA; `None` does for 1,000 steps and more.
      steps_per_execution: updates per call of the compiled program, between which the
        progress bar moves and an interrupt is seen; `None` is as many as take about a
        quarter of a second. Results do not depend on it.
      checkpoint_dir: folder for the file `fit.npz`, which holds the state of the fit and
        is replaced as a whole. If it is there, the fit goes on from it, to the same
        numbers, bit for bit on the same machine, as if it had not been interrupted; with
        `seed=None` it takes the seed from there. The target and `annealing_fn` are not
        stored: pass the same ones. A finished fit returns at once.
      checkpoint_steps: steps between two writes of it; `None` goes by time.
      checkpoint_seconds: seconds between two writes, if `checkpoint_steps` is `None`.
      tensorboard_dir: folder for an event file of TensorBoard: loss, KL or ELBO, beta and
        gradient norm, means over the steps of each call of the program.
      progress_bar: whether to show one, on stderr, with the KL to the target if that is a
        method of a distribution that knows its log Z, else with the ELBO.
      name: Python `str`, prefix of the names of the ops.

    Returns:
      `FitResult`. The gradient of a step whose loss or gradient is NaN or infinite counts
      as zero, and the step as skipped. After 10 such steps in a row the flow takes up the
      parameters with the lowest running mean of the loss again (before step 50, the
      initial ones), and the learning rate is halved; the fourth time, the fit fails. In a
      batch of flows, each member has its own faults, and the fit fails when all have.

    Raises:
      TypeError: if the target returns another dtype than the flow's, or `optimizer` is
        not an optimizer.
      ValueError: if a number is out of range, the flow has no trainable variables or
        is not reparameterised, the target fails, returns another shape than `[S, ...]`,
        or is not finite at its first evaluation, or the checkpoint is damaged or of
        another fit. All of this comes before training starts.
      FitError: if losses or gradients stay infinite or NaN; it says where, and has the
        `result` up to there. The flow holds its best parameters.
      RuntimeError: if XLA cannot compile the target.

    #### References

    [1]: D. J. Rezende and S. Mohamed. Variational Inference with Normalizing Flows.
         ICML 2015. https://arxiv.org/abs/1505.05770

    [2]: G. Roeder, Y. Wu and D. Duvenaud. Sticking the Landing: Simple, Lower-Variance
         Gradient Estimators for Variational Inference. NeurIPS 2017.
         https://arxiv.org/abs/1703.09194

    [3]: N. Vyas et al. SOAP: Improving and Stabilizing Shampoo using Adam. ICLR 2025.
         https://arxiv.org/abs/2409.11321
    """
    started = time.perf_counter()
    num_steps = check_optional_size("num_steps", num_steps)
    sample_size = check_optional_size("sample_size", sample_size)
    steps_per_execution = check_optional_size("steps_per_execution", steps_per_execution)
    checkpoint_steps = check_optional_size("checkpoint_steps", checkpoint_steps)
    check_clip_norm(clip_norm)
    check_flow(flow)
    default_num_steps, default_sample_size = default_budget(flow)
    num_steps, sample_size = (
        num_steps or default_num_steps,
        sample_size or default_sample_size,
    )
    check_estimator(gradient_estimator, flow)
    num_starts = resolve_num_starts(num_starts, flow, sample_size, optimizer is None)
    if jit_compile is None:
        jit_compile = num_steps >= _XLA_STEPS
    is_recipe = optimizer is None and (annealing_fn is None or annealing_fn == "default")
    if annealing_fn == "default":
        annealing_fn = linear_annealing(num_steps)
    checkpoint, seed = open_checkpoint(
        checkpoint_dir,
        seed,
        every_steps=checkpoint_steps,
        every_seconds=checkpoint_seconds,
    )
    points = check_target(flow, target_log_prob_fn, sample_size, seed)
    log_normalizer = numerics.known_log_normalizer(target_log_prob_fn)

    settings = dict(
        num_steps=num_steps,
        sample_size=sample_size,
        num_starts=num_starts,
        early_stopping=bool(early_stopping),
        annealed=annealing_fn is not None,
        gradient_estimator=gradient_estimator,
        clip_norm=clip_norm,
        jit_compile=bool(jit_compile),
        dtype=flow.dtype.name,
    )
    # All that the program depends on besides the target.
    build_key = rebuild_key(flow)
    is_kept = is_recipe and build_key is not None
    key = (build_key, name, *settings.values()) if is_kept else None
    starts = build_starts(flow, num_starts, seed) if is_kept or num_starts > 1 else flow

    def build_program():
        return _build_program(
            starts,
            flattened_target(target_log_prob_fn, flow.batch_shape)
            if num_starts > 1
            else target_log_prob_fn,
            optimizer,
            annealing_fn,
            settings,
            name,
        )

    with kept_program(key, target_log_prob_fn, points, build_program) as program:
        program.start_anew(starts.trainable_variables, seed)
        settings |= dict(
            optimizer=type(program.optimizer).__name__,
            optimizer_config=optimizer_config(program.optimizer),
            seed=[int(part) for part in seed],
        )
        starts, variables = program.starts, program.variables
        batch_shape = starts.batch_shape
        state = TrainingState.initial(variables, batch_shape, flow.dtype)
        if checkpoint is not None:
            state = checkpoint.restore(state, settings, variables, program.optimizer)
        tournament = (
            Tournament(num_starts, num_steps, program.optimizer)
            if num_starts > 1
            else None
        )
        events = [tournament] if tournament else []
        if isinstance(program.optimizer, EigenbasisAdam):
            events.append(program.optimizer)
        events.append(RiseTest(num_steps))
        if early_stopping:
            events.append(PlateauTest(num_steps))
        training_started = time.perf_counter()
        try:
            with Monitor(
                describe_negative_elbo(log_normalizer),
                num_steps,
                state.step,
                progress_bar=progress_bar,
                tensorboard_dir=tensorboard_dir,
            ) as monitor:
                compile_seconds = run_in_chunks(
                    program.run_steps,
                    state,
                    variables,
                    num_steps,
                    batch_shape=batch_shape,
                    chunk_size=steps_per_execution,
                    monitor=monitor,
                    jit_compile=jit_compile,
                    checkpoint=checkpoint,
                    events=events,
                    sharing_fn=tournament and tournament.sharing,
                )
            train_seconds = time.perf_counter() - training_started - compile_seconds
            has_failed = state.has_failed
            if has_failed:
                failure = describe_failure(
                    starts,
                    program.log_prob_fn,
                    state,
                    sample_size=sample_size // num_starts,
                    seed=seed,
                )
                state.roll_back(variables)
        finally:
            # An interrupted fit leaves what it has reached in the flow, too.
            leader = adopt_leader(flow, starts, state) if tournament else None
            if not tournament and starts is not flow:
                copy_values(starts, flow)
    loss, beta, gradient_norm = state.stacked_traces()
    num_skipped_steps = state.faults[0].numpy()
    if tournament:
        loss, gradient_norm = (
            take_from_trace(trace, leader)[:, 0] for trace in (loss, gradient_norm)
        )
        num_skipped_steps = take_members(num_skipped_steps, leader)[0]
    result = FitResult(
        flow=flow,
        loss=loss,
        beta=beta,
        gradient_norm=gradient_norm,
        settings=settings,
        seconds=state.seconds + time.perf_counter() - started,
        compile_seconds=compile_seconds,
        train_seconds=state.seconds + train_seconds,
        num_skipped_steps=num_skipped_steps,
        num_rollbacks=state.num_rollbacks,
        log_normalizer=log_normalizer,
    )
    if has_failed:
        raise FitError(failure, result)
    return result


def _build_program(starts, log_prob_fn, optimizer, annealing_fn, settings, name):
    """The loop that trains `starts`, with an optimizer and a seed that it reads."""
    variables, batch_shape = list(starts.trainable_variables), starts.batch_shape
    if optimizer is None:
        optimizer = optimizer_for(
            variables,
            num_batch_axes(variables, batch_shape),
            settings["num_steps"],
            decays=not settings["early_stopping"],
        )
    prepare_optimizer(optimizer, variables)
    # A variable, so that fits with other seeds need no other program.
    seed = tf.Variable([0, 0], trainable=False)
    sampled_objective_fn = OBJECTIVES[settings["gradient_estimator"]](
        starts, log_prob_fn, settings["sample_size"] // settings["num_starts"]
    )

    def objective_fn(step):
        with tf.name_scope(name):
            step_seed = tf.random.experimental.stateless_fold_in(seed, step)
            beta = 1.0 if annealing_fn is None else annealing_fn(step)
            beta = tf.cast(beta, starts.dtype)
            objective, difference = sampled_objective_fn(step_seed, beta)
            return objective, tf.reduce_mean(difference, axis=0), beta

    run_steps = build_run_steps(
        objective_fn,
        variables,
        optimizer,
        clip_norm=settings["clip_norm"],
        batch_shape=batch_shape,
        jit_compile=settings["jit_compile"],
    )
    return Program(starts, variables, optimizer, seed, run_steps, log_prob_fn)
