"""Variational inference with a flow by stochastic gradients on the reverse KL."""

from typing import Any, Literal

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows import numerics, training
from tfp_flows.density import RowwisePosterior, as_density, check_events
from tfp_flows.types import AnnealingFn, LogProbFn, Optimizer, PathLike, Seed
from tfp_flows.vi.arguments import (
    check_annealing,
    check_flow,
    check_num_steps,
    check_optional_size,
    check_place,
    check_resumable,
    check_strategy,
)
from tfp_flows.vi.fit_result import FitResult
from tfp_flows.vi.fitting import fit
from tfp_flows.vi.recipe import default_annealing, default_budget
from tfp_flows.vi.reverse_kl_objectives import PathReverseKL, ReverseKL
from tfp_flows.vi.row_batches import RowBatches
from tfp_flows.vi.starts import Starts, build_starts, resolve_num_starts
from tfp_flows.vi.whitening import Start, Whitening

# Samples per step where the rows of a batch multiply the work.
_BATCHED_SAMPLE_SIZE = 256

# Steps at which an `annealing_fn` is evaluated before the fit.
_NUM_LOOKS = 50

_OBJECTIVES = {"reparameterized": ReverseKL, "path": PathReverseKL}


def fit_reverse_kl(
    flow: tfd.Distribution,
    target_log_prob_fn: LogProbFn | tfd.Distribution | RowwisePosterior,
    *,
    num_steps: int | None = None,
    sample_size: int | None = None,
    batch_size: int | None = None,
    num_starts: int | None = None,
    start: Start = "auto",
    optimizer: Optimizer = None,
    early_stopping: bool = False,
    seed: Seed = None,
    annealing_fn: AnnealingFn | Literal["default"] | None = "default",
    gradient_estimator: str = "reparameterized",
    clip_norm: float | None = 1.0,
    jit_compile: bool | None = None,
    strategy: tf.distribute.Strategy | None = None,
    steps_per_execution: int | None = None,
    checkpoint_dir: PathLike | None = None,
    checkpoint_steps: int | None = None,
    checkpoint_seconds: float = 60.0,
    tensorboard_dir: PathLike | None = None,
    progress_bar: bool = True,
    name: str = "fit_reverse_kl",
) -> FitResult:
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
        log density up to a constant, finite wherever the flow may draw samples; or a
        `tfd.Distribution` of vectors, whose `unnormalized_log_prob` is taken if it has
        one of its own, and knows its log Z (`log_normalizer`).
      num_steps: number of updates. `None` is 6,000 for flows of at most 100 parameters,
        4,000 for those of at most 320, 10,000 for larger ones.
      sample_size: S, samples per update. `None` is 2,048 for flows of at most 100
        parameters, 4,096 for larger ones; 256 with a `batch_size`.
      batch_size: B, rows per update of a target that is a `tff.density.
        RowwisePosterior`: a posterior of N observations, whose likelihood B of them
        estimate at each update, drawn without replacement in epochs of another order
        each, or in the order of a `tf.data.Dataset`. Its Gaussian start is that of
        `tff.vi.subsampled_start`, where the estimates are anchored, which takes most of
        their noise away: build the flow with `affine=True`. The loss is noisy by the
        batches. `None` sees all rows at each.
      num_starts: R, 1, 2, 4, 8 or 16, a divisor of `sample_size`: how many flows
        compete. More than one need a flow as the builders return it, which knows how to
        `rebuild` itself. `None` is 8, or as many as leave 64 samples to each, for such
        flows and the default optimizer; else 1. Pass 1 to train on from where a flow is.
      start: where the affine map of a flow built with `affine=True` begins, in place of
        where it is. `"gaussian"`: at the Gaussian nearest to the target, by
        `tff.vi.gaussian_start`; or at one found before. The fit goes on in coordinates in
        which that is a standard normal, and all starts begin there. `"auto"`: the same if
        the map is the identity, as built, and the Gaussian `is_near`, as those of most
        posteriors are, and of targets with several modes are not. `None`: where it is.
        The search takes a second or so, most of it to compile the target.
      optimizer: a Keras 3 or tf_keras optimizer; its state goes on from where it is. With
        several starts its slots are theirs. `None` is that of the recipe; for flows of
        more than 320 parameters, `tff.vi.default_optimizer(num_steps)`.
      early_stopping: whether to end the fit when the loss no longer falls: when its mean
        over a twentieth of `num_steps`, at beta = 1, is not lower than over the twentieth
        before by 1.645 standard errors. At the first three times the learning rate is
        lowered by 0.3 instead. Its default optimizer has no decay of its own.
      seed: `int` or stateless TFP seed; `None` draws a new one.
      annealing_fn: callable, scalar `int32` step to scalar beta; `None` is beta = 1
        throughout; `"default"` is `tff.vi.linear_annealing(num_steps)`, or `None` if the
        flow has autoregressive layers, whose scales get out of range where a target is
        widened, or begins at a Gaussian that `is_near`.
      gradient_estimator: `"reparameterized"`, the total derivative of the Monte Carlo
        objective, or `"path"`, the path derivative alone ([2]), whose noise vanishes at a
        perfect fit; for a `tfd.TransformedDistribution`. Both are unbiased.
      clip_norm: largest norm of all gradients together, before the optimizer sees them;
        of each member of a batch of flows. `None` does not clip.
      jit_compile: whether to compile with XLA; `None` does for 1,000 steps and more,
        unless the target has chains of more than 80 elementwise operations, such as those
        of a recursion that is unrolled, which XLA takes minutes to compile (`tf.scan` or
        `tf.while_loop` have none), or, on CPUs, a matrix of 4 rows and more for each
        point to factorize, solve or invert, which XLA does slowly.
      strategy: `tf.distribute.MirroredStrategy`, whose replicas share each step, as
        `tff.vi.fit` says.
      steps_per_execution: updates per call of the compiled program, between which the
        progress bar moves and an interrupt is seen; `None` is as many as take about a
        quarter of a second. Results do not depend on it.
      checkpoint_dir: folder for the file `fit.npz`, which holds the state of the fit and
        is replaced as a whole. If it is there, the fit goes on from it, to the same
        numbers, bit for bit on the same machine, as if it had not been interrupted; with
        `seed=None` it takes the seed from there. Of the target it knows values at some
        points, which must be the same; `annealing_fn` is not stored: pass the same one. A
        finished fit returns at once.
      checkpoint_steps: steps between two writes of it; `None` goes by time.
      checkpoint_seconds: seconds between two writes, if `checkpoint_steps` is `None`.
      tensorboard_dir: folder for an event file of TensorBoard: loss, KL or ELBO, beta and
        gradient norm, means over the steps of each call of the program.
      progress_bar: whether to show one, on stderr, with the ELBO, and with the KL to a
        target that knows its log Z.
      name: Python `str`, prefix of the names of the ops.

    Returns:
      `FitResult`. The gradient of a step whose loss or gradient is NaN or infinite counts
      as zero, an update that is not finite is left out, and the step counts as skipped.
      After 10 such steps in a row the flow takes up the parameters with the lowest
      running mean of the loss again (before step 50, the initial ones), the optimizer
      forgets what it knows of them, and the learning rate is halved; the fourth time, the
      fit fails. In a batch of flows, each member has its own faults, and the fit fails
      when all have.

    Raises:
      ImportError: if there is a `tensorboard_dir`, but no TensorBoard.
      TypeError: if `flow` is no distribution, the target returns another dtype than the
        flow's, `annealing_fn` is no function, or `optimizer` not an optimizer.
      ValueError: if a number is out of range, the flow has no trainable variables or
        is not reparameterised, the target fails, returns another shape than `[S, ...]`,
        is not finite at its first evaluation or has no gradient there, `annealing_fn`
        does not return finite scalars of at least 0, or the checkpoint is damaged or of
        another fit. All of this comes before training starts.
      FitError: if losses, gradients or updates stay infinite or NaN; it says where, and
        has the `result` up to there. The flow holds its best parameters.
      FitInterrupted: a `KeyboardInterrupt`, at SIGINT (Ctrl-C, "interrupt" in a notebook)
        or SIGTERM, which end the fit after the present call of the program: a last
        checkpoint is written, bar and TensorBoard are closed, and the exception has the
        `result` up to there. The flow holds its parameters of then, of several starts
        those of the leading one. A second signal acts at once.
      RuntimeError: if XLA cannot compile the target; in a graph, under a
        `tf.GradientTape`, and in the scope of a strategy.

    #### References

    [1]: D. J. Rezende and S. Mohamed. Variational Inference with Normalizing Flows.
         ICML 2015. https://arxiv.org/abs/1505.05770

    [2]: G. Roeder, Y. Wu and D. Duvenaud. Sticking the Landing: Simple, Lower-Variance
         Gradient Estimators for Variational Inference. NeurIPS 2017.
         https://arxiv.org/abs/1703.09194

    [3]: N. Vyas et al. SOAP: Improving and Stabilizing Shampoo using Adam. ICLR 2025.
         https://arxiv.org/abs/2409.11321
    """
    check_place()
    sample_size = check_optional_size("sample_size", sample_size)
    check_flow(flow)
    default_num_steps, default_sample_size = default_budget(flow)
    num_steps = check_num_steps(default_num_steps if num_steps is None else num_steps)
    if batch_size is not None:
        batches = RowBatches(target_log_prob_fn, batch_size)
        check_resumable(batches.are_functions_of_step, checkpoint_dir)
        default_sample_size = _BATCHED_SAMPLE_SIZE
    sample_size = sample_size or default_sample_size
    numerics.check_choice("gradient_estimator", gradient_estimator, _OBJECTIVES)
    num_starts = resolve_num_starts(num_starts, flow, sample_size, optimizer is None)
    density = as_density(target_log_prob_fn)
    check_events(flow, density)
    if seed is None and checkpoint_dir is not None:
        seed = training.Checkpoint(checkpoint_dir).seed
    seed = numerics.stateless_seed(seed)
    early_stopping = numerics.check_flag("early_stopping", early_stopping)
    if not isinstance(annealing_fn, str | None) or annealing_fn not in ("default", None):
        _look_at_annealing(annealing_fn, num_steps)
    # What has rows is looked at by some of them alone.
    target: Any = density if batch_size is None else target_log_prob_fn
    check_strategy(strategy, jit_compile)
    whitening = Whitening(flow, target, start, seed)
    if annealing_fn == "default":
        annealing_fn = None if whitening.is_near else default_annealing(flow, num_steps)
    objective = _OBJECTIVES[gradient_estimator](
        whitening.target,
        sample_size=sample_size,
        annealing_fn=annealing_fn,
        num_starts=num_starts,
        batch_size=batch_size,
    )
    settings: dict[str, Any] = dict(early_stopping=early_stopping)
    if whitening.start is not None:
        settings["start"] = "gaussian"
    events: list[training.Event] = [training.RiseTest(num_steps)]
    if early_stopping:
        events.append(training.PlateauTest(num_steps))
    if num_starts > 1:
        events.insert(0, Starts(flow, num_starts, num_steps))
    with whitening:
        return fit(
            flow if num_starts == 1 else build_starts(flow, num_starts, seed),
            objective,
            num_steps=num_steps,
            events=events,
            optimizer=optimizer,
            clip_norm=clip_norm,
            seed=seed,
            jit_compile=jit_compile,
            strategy=strategy,
            steps_per_execution=steps_per_execution,
            checkpoint_dir=checkpoint_dir,
            checkpoint_steps=checkpoint_steps,
            checkpoint_seconds=checkpoint_seconds,
            tensorboard_dir=tensorboard_dir,
            progress_bar=progress_bar,
            settings=settings,
            name=name,
        )


def _look_at_annealing(annealing_fn: Any, num_steps: int) -> None:
    """Raises unless it is a function that returns weights, at steps of the whole fit."""
    looks = np.linspace(0, num_steps - 1, _NUM_LOOKS, dtype=int)
    check_annealing(annealing_fn, np.unique(looks))
