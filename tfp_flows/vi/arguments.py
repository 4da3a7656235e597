"""Checks of what a fit is given, before anything is compiled."""

import numbers
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import record  # what tells of tapes is not public
from tensorflow_probability import distributions as tfd

from tfp_flows import numerics, training
from tfp_flows.density import check_distribution, check_events
from tfp_flows.density.checks import first_line
from tfp_flows.types import AnnealingFn, Optimizer, Variables
from tfp_flows.vi.objective import Objective

_OWN_EVENTS = (
    training.BasisUpdates,
    training.Checkpoint,
    training.Interrupt,
    training.Monitor,
)


def check_place() -> None:
    """Raises RuntimeError in a graph, under a tape, and in the scope of a strategy."""
    if not tf.executing_eagerly():
        raise RuntimeError(
            "A fit compiles a loop of its own and looks at its numbers as it goes: call "
            "it eagerly, not inside a tf.function or a tf.Graph."
        )
    # The tape would keep what every step computes, and XLA could not compile the loop.
    if record.could_possibly_record():
        raise RuntimeError(
            "No gradient goes through a fit: call it outside of the tf.GradientTape, or "
            "in `with tape.stop_recording():`."
        )
    if tf.distribute.has_strategy():
        raise RuntimeError(
            "A fit enters the scope of its strategy itself: build the flow and call it "
            "outside of strategy.scope(), with `strategy=strategy`."
        )


def check_strategy(
    strategy: Any, jit_compile: bool | None
) -> tf.distribute.Strategy | None:
    """`strategy`, or `None` if it has one replica, whose work is that of a fit without.

    Raises:
      TypeError: if it is none whose replicas share each step.
      ValueError: if XLA is to compile a fit of several replicas.
    """
    if strategy is None:
        return None
    mirrored = tf.distribute.MirroredStrategy, tf.distribute.MultiWorkerMirroredStrategy
    if not isinstance(strategy, mirrored):
        raise TypeError(
            "`strategy` must be a tf.distribute.MirroredStrategy or "
            f"MultiWorkerMirroredStrategy, or None, but got {strategy!r}. Parameter "
            "servers update their variables one after another, while the replicas of a "
            "fit share each step."
        )
    if strategy.num_replicas_in_sync == 1:
        return None
    if jit_compile:
        raise ValueError(
            "XLA cannot compile a step that several replicas share: leave `jit_compile` "
            "at None, or out the strategy."
        )
    return strategy


def check_instances(
    flow: tfd.Distribution, objective: Objective, events: Sequence[training.Event]
) -> None:
    """Raises unless all are what their names say, and the events of different classes.

    Raises:
      TypeError: if one is something else.
      ValueError: if two events are of one class, or one is what the fit makes itself.
    """
    check_distribution(flow)
    if not isinstance(objective, Objective):
        raise TypeError(
            "`objective` must be a tff.vi.Objective, such as tff.vi.ReverseKL(target, "
            f"sample_size=1_024), but got {objective!r}."
        )
    if not isinstance(events, list | tuple):
        raise TypeError(f"`events` must be a sequence of events, but got {events!r}.")
    names = [type(event).__name__ for event in events]
    for event, name in zip(events, names, strict=True):
        if not isinstance(event, training.Event):
            raise TypeError(
                f"`events` must be instances of tff.training.Event, but got {event!r}."
            )
        if isinstance(event, _OWN_EVENTS):
            raise ValueError(
                f"A fit makes the event {name} itself; pass `checkpoint_dir`, "
                "`tensorboard_dir` or `progress_bar` in its place."
            )
        if names.count(name) > 1:
            raise ValueError(
                f"`events` has several of class {name}, by whose name a checkpoint knows "
                "what they remember; make a subclass of another name."
            )


def check_variables(
    flow: tfd.Distribution, variables: Variables | None = None
) -> list[tf.Variable]:
    """The trainable variables of a flow, or those given.

    Raises:
      TypeError: if `variables` is no list of them, or one is no `tf.Variable` of a single
        device.
      ValueError: if the flow has none, or one is not finite.
    """
    if variables is None:
        variables = flow.trainable_variables
        if not variables:
            raise ValueError(
                f"`flow` {flow.name} has no trainable variables; build it with "
                "tff.planar_flow or tff.radial_flow, or give its bijector tf.Variables."
            )
    elif not isinstance(variables, list | tuple) or not variables:
        raise TypeError(
            "`trainable_variables` must be a list of tf.Variables, or None, which trains "
            f"those of the flow, but got {variables!r}."
        )
    for variable in variables:
        is_distributed = isinstance(variable, tf.distribute.DistributedValues)
        if not isinstance(variable, tf.Variable) or is_distributed:
            raise TypeError(
                "A fit trains tf.Variables of one device (`trainable_variables`), not a "
                f"{type(variable).__name__}, {variable!r}; of a keras.Variable pass the "
                "`value`, and build flows outside of strategy.scope()."
            )
        if not np.all(np.isfinite(variable.numpy().astype(np.float64))):
            raise ValueError(
                f"The variable {variable.name!r} of {flow.name} is not finite, so there "
                "is nothing to start from; build the flow anew."
            )
    return list(variables)


def check_flow(flow: tfd.Distribution) -> None:
    """Raises unless it is a reparameterised flow of vectors, to be trained.

    Raises:
      TypeError: if it is no distribution.
      ValueError: if it is another one.
    """
    check_events(flow)
    check_variables(flow)
    if flow.reparameterization_type != tfd.FULLY_REPARAMETERIZED:
        raise ValueError(
            f"{flow.name} is not reparameterised: gradients would not flow through its "
            "samples; give it a reparameterised base, such as a normal."
        )


def check_optional_size(name: str, value: Any) -> int | None:
    """`None`, or an `int` of at least 1; see `numerics.check_size`."""
    return None if value is None else numerics.check_size(name, value)


def check_resumable(is_function_of_step: bool, checkpoint_dir: Any) -> None:
    """Raises ValueError for a folder of checkpoints from which a fit cannot go on."""
    if checkpoint_dir is not None and not is_function_of_step:
        raise ValueError(
            "`checkpoint_dir` is for arrays: where an interrupted fit was in a "
            "tf.data.Dataset is not known; pass an array, or no `checkpoint_dir`."
        )


def check_seeded(seed: Any, checkpoint_dir: Any) -> None:
    """Raises ValueError for a folder of checkpoints without the seed to go on with.

    For fits of flows that are built, or of targets that are found, by the same seed,
    which no checkpoint tells.
    """
    if checkpoint_dir is not None and seed is None:
        raise ValueError(
            "`checkpoint_dir` needs a `seed`, by which a second call makes what the "
            "first one did, to go on from there; pass an int."
        )


def check_num_steps(num_steps: Any) -> int:
    """An `int` from 1 to what the `int32` counter of steps holds; else a ValueError."""
    num_steps = numerics.check_size("num_steps", num_steps)
    if num_steps > tf.int32.max:
        raise ValueError(
            f"`num_steps` must be at most {tf.int32.max}, but got {num_steps}."
        )
    return num_steps


def check_clip_norm(clip_norm: Any, flow: tfd.Distribution) -> float | None:
    """`None`, or a positive `float` within the range of the flow's; else a ValueError."""
    if clip_norm is None:
        return None
    # Out of range it would be 0 or infinite, and the clipped gradient NaN. The smallest
    # normal number is 4 / max.
    dtype = tf.nest.flatten(flow.dtype)[0]
    largest = float(dtype.max)
    is_number = isinstance(clip_norm, numbers.Real) and not isinstance(clip_norm, bool)
    if not is_number or not 4.0 / largest <= clip_norm <= largest:
        raise ValueError(
            f"`clip_norm` must be positive and finite in {dtype.name}, or None, which "
            f"does not clip, but got {clip_norm!r}."
        )
    return float(clip_norm)


def check_optimizer(optimizer: Optimizer) -> None:
    """Raises unless it is an optimizer of either Keras, with a finite rate, or `None`.

    Raises:
      TypeError: if it is no optimizer, or a class of them.
      ValueError: if its learning rate is NaN or infinite.
    """
    if optimizer is None:
        return
    is_optimizer = all(hasattr(optimizer, a) for a in ("apply_gradients", "build"))
    if not is_optimizer or isinstance(optimizer, type):
        raise TypeError(
            "`optimizer` must be a Keras 3 or tf_keras optimizer, such as "
            f"keras.optimizers.Adam(1e-3), but got {optimizer!r}."
        )
    rate = getattr(optimizer, "learning_rate", None)
    if rate is not None and not np.all(np.isfinite(np.asarray(rate, np.float64))):
        raise ValueError(
            f"The learning rate of `optimizer` must be finite, but is {np.asarray(rate)}."
        )


def check_annealing(annealing_fn: AnnealingFn, steps: Iterable[int]) -> None:
    """Evaluates an annealing function for the first time, compiled as in a fit.

    Args:
      annealing_fn: what should be a function of a scalar `int32` step to a scalar.
      steps: those at which it must be finite and at least 0.

    Raises:
      TypeError: if it is no function.
      ValueError: if it fails, or returns something else.
    """
    numerics.check_callable(
        "annealing_fn",
        annealing_fn,
        "a function of the step to beta, such as tff.vi.linear_annealing(num_steps), or "
        "None",
    )

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([], tf.int32)])
    def graph_fn(step: tf.Tensor) -> tf.Tensor:
        return tf.convert_to_tensor(annealing_fn(step))

    for step in steps:
        try:
            beta = graph_fn(step).numpy()
        except Exception as error:  # whatever a function of the caller's raises
            raise ValueError(
                f"`annealing_fn` failed at step {step}: {first_line(error)} Write it "
                "with TensorFlow operations, without Python `if`s on the step."
            ) from error
        is_real = np.ndim(beta) == 0 and np.asarray(beta).dtype.kind in "fiu"
        if not is_real or not np.isfinite(beta) or beta < 0.0:
            raise ValueError(
                f"`annealing_fn` must return a finite scalar of at least 0, but returned "
                f"{beta!r} at step {step}."
            )
