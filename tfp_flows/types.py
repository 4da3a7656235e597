"""Names of types that arguments share, for annotations."""

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy.typing as npt
import tensorflow as tf

# Points `[..., D]` to log densities `[...]`.
LogProbFn: TypeAlias = Callable[[tf.Tensor], tf.Tensor]

# Scalar `int32` step to a scalar weight of the target, beta.
AnnealingFn: TypeAlias = Callable[[tf.Tensor], tf.Tensor]

# What a step of a fit minimises, the loss that it shows, `[...batch]`, and beta.
StepTerms: TypeAlias = tuple[tf.Tensor, tf.Tensor, tf.Tensor]

# A Python `int`, a stateless seed of TFP, `[2]`, or `None` for a new one.
Seed: TypeAlias = int | Sequence[int] | tf.Tensor | None

# A file or a folder.
PathLike: TypeAlias = str | os.PathLike

# Points `[N, *event_shape]`, or batches of them.
Points: TypeAlias = npt.ArrayLike | tf.data.Dataset

# Keras 3's and tf_keras' have no class in common.
Optimizer: TypeAlias = Any

# Variables to train.
Variables: TypeAlias = Sequence[tf.Variable]
