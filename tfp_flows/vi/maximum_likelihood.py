"""Density estimation with a flow by maximum likelihood."""

import numpy.typing as npt
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows import numerics, training
from tfp_flows.types import Optimizer, PathLike, Points, Seed, Variables
from tfp_flows.vi.arguments import check_optional_size
from tfp_flows.vi.fit_result import FitResult
from tfp_flows.vi.fitting import fit
from tfp_flows.vi.likelihood import NegativeLogLikelihood
from tfp_flows.vi.recipe import default_optimizer


def fit_maximum_likelihood(
    flow: tfd.Distribution,
    data: Points,
    *,
    sample_weight: npt.ArrayLike | None = None,
    num_steps: int = 10_000,
    batch_size: int | None = None,
    validation_split: float | None = None,
    validation_data: Points | None = None,
    validation_sample_weight: npt.ArrayLike | None = None,
    evaluation_steps: int | None = None,
    patience: int | None = 10,
    optimizer: Optimizer = None,
    clip_norm: float | None = 10.0,
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
    name: str = "fit_maximum_likelihood",
) -> FitResult:
    """Fits `flow` to points by maximising their mean log likelihood.

    Minimises the negative log likelihood (NLL) per point, in nats,

    ```none
    -1/N sum_n log q(x_n),    log q(x) = log p(z) - log|det df/dz|,    z = f^-1(x),
    ```

    over the trainable variables of the flow q, by stochastic gradients on mini-batches.
    In expectation over the points it is KL(data || q) plus the entropy of the data. With
    weights w_n, such as those of importance sampling, all means over points, those of the
    result included, are weighted, sum_n w_n log q(x_n) / sum_n w_n.

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
      sample_weight: `[N]` weights of the points of an array, finite, at least 0 and not
        all 0, of any scale: a point of weight 2 counts as two, one of weight 0 is left
        out. They are split like the points. `None` is equal ones. Not with a dataset.
      num_steps: number of updates, at most.
      batch_size: B, points per update, drawn in epochs without replacement; the last N
        mod B points of an epoch are left out. `None` is 256, or N if that is less. Not
        with a dataset.
      validation_split: share of the points, chosen by `seed`, that is held out; 0 is
        none. `None` is 0.1 for an array without `validation_data`. Not with a dataset.
      validation_data: held-out points: an array, or a finite dataset of batches.
      validation_sample_weight: weights of these, as `sample_weight`.
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
      strategy: `tf.distribute.MirroredStrategy`, whose replicas share each step, as
        `tff.vi.fit` says.
      steps_per_execution: updates per call of the compiled program, between which the
        progress bar moves and an interrupt is seen; `None` is as many as take about a
        quarter of a second. Results do not depend on it.
      checkpoint_dir: folder for the file `fit.npz`, from which an interrupted fit goes
        on, to the same numbers; see `fit_reverse_kl`. For arrays, whose batches are a
        function of the step. The file knows data and weights by their checksum.
      checkpoint_steps: steps between two writes of it; `None` goes by time.
      checkpoint_seconds: seconds between two writes, if `checkpoint_steps` is `None`.
      tensorboard_dir: folder for an event file of TensorBoard: NLL and gradient norm,
        means over the steps of each call of the program.
      progress_bar: whether to show one, on stderr, with the NLL.
      name: Python `str`, prefix of the names of the ops.

    Returns:
      `FitResult`, with held-out NLLs. Steps that are not finite are
      skipped, and lasting faults rolled back, as in `fit_reverse_kl`.

    Raises:
      TypeError: if `flow` is no distribution, the points have another dtype, or
        `optimizer` is not an optimizer.
      ValueError: if points have another shape than `[N, *event_shape]`, are too few, are
        NaN or infinite, or outside the support of the flow; if a weight is NaN, infinite
        or negative, or all are 0; if `log_prob` fails; if a number is out of range, or
        the checkpoint is damaged or of another fit. All of this comes before training
        starts, except for later batches of a dataset.
      FitError: if losses, gradients or updates stay infinite or NaN; it says where, and
        has the `result` up to there. The flow holds its best parameters.
      FitInterrupted: at SIGINT or SIGTERM, as `fit_reverse_kl`; the flow holds the
        parameters whose held-out NLL was lowest, or those of then.
      RuntimeError: if XLA cannot compile the flow; in a graph, under a
        `tf.GradientTape`, and in the scope of a strategy.
    """
    num_steps = numerics.check_size("num_steps", num_steps)
    patience = check_optional_size("patience", patience)
    every_steps = check_optional_size("evaluation_steps", evaluation_steps)
    every_steps = every_steps or max(1, num_steps // 50)
    objective = NegativeLogLikelihood(
        data,
        sample_weight=sample_weight,
        batch_size=batch_size,
        validation_split=validation_split,
        validation_data=validation_data,
        validation_sample_weight=validation_sample_weight,
    )
    held_out_test = training.HeldOutTest(
        every_steps=every_steps, num_steps=num_steps, patience=patience
    )
    return fit(
        flow,
        objective,
        num_steps=num_steps,
        events=[held_out_test],
        optimizer=default_optimizer(num_steps) if optimizer is None else optimizer,
        clip_norm=clip_norm,
        seed=seed,
        trainable_variables=trainable_variables,
        jit_compile=jit_compile,
        strategy=strategy,
        steps_per_execution=steps_per_execution,
        checkpoint_dir=checkpoint_dir,
        checkpoint_steps=checkpoint_steps,
        checkpoint_seconds=checkpoint_seconds,
        tensorboard_dir=tensorboard_dir,
        progress_bar=progress_bar,
        settings=dict(evaluation_steps=every_steps, patience=patience),
        name=name,
    )
