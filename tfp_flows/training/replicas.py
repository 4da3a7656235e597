"""Steps that the replicas of a `tf.distribute.Strategy` share.

What a replica asks for its part, `share`, `shard` and `replica_seed`, is asked inside of
`strategy.run`; elsewhere there is one replica, which does all.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def num_replicas() -> int:
    """R, how many replicas share the step."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def replica_seed(seed: tf.Tensor) -> tf.Tensor:
    """The seed of this replica: that of the step with the replica folded in.

    Args:
      seed: stateless seed, `[2]`, the same on all replicas.

    Returns:
      Stateless seed; `seed` itself where there is one replica.
    """
    if num_replicas() == 1:
        return seed
    return tf.random.experimental.stateless_fold_in(seed, _replica_id())


def share(name: str, size: int) -> int:
    """How many of `size` samples or rows are this replica's; else a ValueError."""
    if size % num_replicas():
        raise ValueError(
            f"`{name}` is {size}, which {num_replicas()} replicas cannot share equally; "
            f"pass a multiple of {num_replicas()}."
        )
    return size // num_replicas()


def shard(name: str, rows: tf.Tensor) -> tf.Tensor:
    """This replica's part of rows `[B, ...]`, `[B / R, ...]`."""
    size = share(name, rows.shape[0])
    if size == rows.shape[0]:
        return rows
    return tf.gather(rows, _replica_id() * size + tf.range(size))


def mean_over_replicas(
    strategy: tf.distribute.Strategy, evaluate_fn: Callable, *args: tf.Tensor
) -> Any:
    """What the replicas return, a structure of floating `Tensor`s, averaged.

    All as one vector: a reduction costs more by its start than by a flow's numbers.
    """
    structure = None

    def packed(*args: tf.Tensor) -> tf.Tensor:
        nonlocal structure
        structure = evaluate_fn(*args)
        dtype = tf.nest.flatten(structure)[0].dtype
        parts = [tf.reshape(part, [-1]) for part in tf.nest.flatten(structure)]
        return tf.concat([tf.cast(part, dtype) for part in parts], axis=0)

    of_replicas = strategy.run(packed, args=args)
    mean = strategy.reduce(tf.distribute.ReduceOp.MEAN, of_replicas, axis=None)
    parts = tf.nest.flatten(structure)
    split = tf.split(mean, [part.shape.num_elements() for part in parts])
    parts = [
        tf.cast(tf.reshape(values, part.shape), part.dtype)
        for values, part in zip(split, parts, strict=True)
    ]
    return tf.nest.pack_sequence_as(structure, parts)


def _replica_id() -> tf.Tensor:
    context = tf.distribute.get_replica_context()
    return tf.cast(context.replica_id_in_sync_group, tf.int32)
