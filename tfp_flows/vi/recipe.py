"""The default recipe of a reverse-KL fit: its length, annealing and learning rate."""

import dataclasses
import math
import numbers

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfp_flows import numerics
from tfp_flows.bijectors.autoregressive import OfMaskedNetworks
from tfp_flows.training import EigenbasisAdam, num_batch_axes, num_parameters
from tfp_flows.training.eigenbasis import MAX_PARAMETERS
from tfp_flows.types import Variables

# Peak rates of Adam, and of Adam in the eigenbasis. There each coordinate moves by about
# the rate, all of P by its sqrt(P)-fold: from so many parameters on, that stays the same.
_EIGENBASIS_LEARNING_RATE, _FULL_RATE_PARAMETERS = 0.04, 80

# Most parameters of a flow, number of steps, samples per step: where the median KL of
# planar flows stops falling fast with time. Those of 16 layers in the plane (80
# parameters) gain by more steps, those of 32 by more samples; larger flows have plain
# Adam, which needs more of both.
_BUDGETS = (
    (100, 6_000, 2_048),
    (MAX_PARAMETERS, 4_000, 4_096),
    (math.inf, 10_000, 4_096),
)


def default_budget(flow: tfd.Distribution) -> tuple[int, int]:
    """The number of steps and of samples per step of a fit that was given none."""
    variables = list(flow.trainable_variables)
    size = num_parameters(variables, num_batch_axes(variables, flow.batch_shape))
    return next((steps, samples) for most, steps, samples in _BUDGETS if size <= most)


def default_annealing(flow: tfd.Distribution, num_steps: int) -> "LinearAnnealing | None":
    """The annealing of a fit that was given none: that of `linear_annealing`, or `None`.

    A target of a hundredth of the weight is ten times as wide. Layers whose scales are
    exponentials follow it there, and where a scale of the target is one too, as that of a
    funnel, both are out of range. In the plane, such layers find modes no better with it.
    """
    is_autoregressive = any(isinstance(m, OfMaskedNetworks) for m in flow.submodules)
    return None if is_autoregressive else linear_annealing(num_steps)


@dataclasses.dataclass(frozen=True)
class LinearAnnealing:
    """An inverse temperature that rises linearly to 1; see `linear_annealing`."""

    initial: float
    length: float

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Scalar `int32` step to scalar `float32` beta."""
        progress = tf.cast(step, tf.float32) / self.length
        return tf.minimum(self.initial + (1.0 - self.initial) * progress, 1.0)


def linear_annealing(
    num_steps: int, *, initial: float = 0.01, fraction: float = 0.5
) -> LinearAnnealing:
    """An inverse temperature that rises linearly to 1.

    Rezende & Mohamed (2015), eq. 20, anneal the target by beta_t = min(1, 0.01 + t /
    10000), over the first 10,000 of 500,000 updates. Here the rise takes a `fraction`
    of the fit, whatever its length.

    Args:
      num_steps: length of the fit.
      initial: beta at step 0, in (0, 1].
      fraction: share of the steps, in (0, 1], at whose end beta reaches 1.

    Returns:
      Callable, scalar `int32` step to scalar `float32` beta.

    Raises:
      ValueError: if an argument is outside its range.
    """
    num_steps = numerics.check_size("num_steps", num_steps)
    shares = (initial, fraction)
    if not all(isinstance(s, numbers.Real) and 0.0 < s <= 1.0 for s in shares):
        raise ValueError(
            "`initial` and `fraction` must be in (0, 1], but got "
            f"initial={initial!r}, fraction={fraction!r}."
        )
    return LinearAnnealing(initial, max(1.0, fraction * num_steps))


def default_optimizer(
    num_steps: int, *, learning_rate: float = 0.02, decays: bool = True
) -> keras.optimizers.Optimizer:
    """Adam with warm-up and cosine decay to 0, the default of large flows.

    Flows of at most 320 parameters are fitted by `tff.optimizers.EigenbasisAdam` unless
    they are given an optimizer, larger ones by this one.

    Args:
      num_steps: length of the fit; the first twentieth warms up.
      learning_rate: peak learning rate.
      decays: whether the rate decays after the warm-up, or stays at its peak.

    Returns:
      `keras.optimizers.Adam`.

    Raises:
      ValueError: if a number is out of range.
      TypeError: if `decays` is no `bool`.
    """
    num_steps = numerics.check_size("num_steps", num_steps)
    decays = numerics.check_flag("decays", decays)
    learning_rate = numerics.check_positive("learning_rate", learning_rate)
    numerics.check_number("learning_rate", learning_rate, least=0.0, most=1e6)
    return keras.optimizers.Adam(_schedule(num_steps, learning_rate, decays))


def optimizer_for(
    variables: Variables, batch_ndims: int, num_steps: int, *, decays: bool = True
) -> keras.optimizers.Optimizer:
    """The optimizer of a fit that was given none.

    It is `EigenbasisAdam` where a flow has few parameters, all of float32 or all of
    float64, else that of `default_optimizer`. `batch_ndims` leading axes of all variables
    are those of a batch of flows.
    """
    dtypes = {variable.dtype for variable in variables}
    # Matrices of other or of mixed dtypes have no decomposition.
    is_decomposable = dtypes in ({tf.float32}, {tf.float64})
    size = num_parameters(variables, batch_ndims)
    if is_decomposable and size <= MAX_PARAMETERS:
        share = min(1.0, math.sqrt(_FULL_RATE_PARAMETERS / size))
        schedule = _schedule(num_steps, share * _EIGENBASIS_LEARNING_RATE, decays)
        return EigenbasisAdam(schedule, batch_ndims=batch_ndims, updates_basis=False)
    return default_optimizer(num_steps, decays=decays)


def _schedule(
    num_steps: int, learning_rate: float, decays: bool
) -> keras.optimizers.schedules.LearningRateSchedule:
    warmup_steps = max(1, num_steps // 20)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=max(1, num_steps - warmup_steps),
        warmup_target=learning_rate,
        warmup_steps=warmup_steps,
        alpha=0.0 if decays else 1.0,
    )
