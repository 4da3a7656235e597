"""K layers of one kind as one loop, whose compile time does not grow with K."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def loop_over_layers(
    layer_fn: Callable,
    state: Any,
    num_layers: int | tf.Tensor,
    reverse: bool | tf.Tensor = False,
) -> Any:
    """Feeds `state` through K layers.

    An explicit `tf.while_loop`: unrolled layers cost XLA 5 to 10 s of compile time at
    K=16 to 32, the loop 2 to 3 s at any K. Of radial layers a step takes 1.2 to 1.3 times
    as long (K=16, D=2, 256 points), which 10,000 steps do not win back; of Sylvester
    layers, half as long. Four planar layers in each turn of the loop are slower than one.

    Args:
      layer_fn: callable, `(k, state) -> state`, of the index of a layer; the structure
        and the shapes of `state` stay.
      state: nested structure of `Tensor`s and `tf.TensorArray`s.
      num_layers: K.
      reverse: whether to run the layers last to first.

    Returns:
      The last `state`.
    """

    def body(step: tf.Tensor, state: Any) -> tuple:
        backwards = num_layers - 1 - step
        if tf.is_tensor(reverse):
            k = tf.where(reverse, backwards, step)
        else:
            k = backwards if reverse else step
        return step + 1, layer_fn(k, state)

    _, state = tf.while_loop(
        lambda step, _: step < num_layers,
        body,
        (0, state),
        maximum_iterations=num_layers,
    )
    return state


def run_layers(
    layer_fn: Callable,
    z: Any,
    num_layers: int | tf.Tensor,
    *,
    value_shapes: Any = None,
    reverse: bool | tf.Tensor = False,
) -> tuple:
    """Feeds `z` through K layers and collects values of each; see `loop_over_layers`.

    Args:
      layer_fn: callable, `(k, z) -> (z, values)`, of the index of a layer.
      z: `Tensor`, or nested structure of `Tensor`s of one dtype, which keeps its shape.
      num_layers: K.
      value_shapes: the shape of `values`, or the structure of their shapes, each a
        `tf.TensorShape`; `None` is that of `z`.
      reverse: whether to run the layers last to first.

    Returns:
      A pair: the last `z`, and the values, `[K, ...]`, in the order of the layers.
    """
    if value_shapes is None:
        value_shapes = z.shape
    dtype = tf.nest.flatten(z)[0].dtype
    arrays = tf.nest.map_structure(
        lambda shape: tf.TensorArray(dtype, num_layers, element_shape=shape), value_shapes
    )

    def layer(k: tf.Tensor, state: tuple) -> tuple:
        z, arrays = state
        z, values = layer_fn(k, z)
        return z, tf.nest.map_structure(lambda a, v: a.write(k, v), arrays, values)

    z, arrays = loop_over_layers(layer, (z, arrays), num_layers, reverse=reverse)
    return z, tf.nest.map_structure(lambda array: array.stack(), arrays)


def run_layers_in_place(
    value_fn: Callable,
    move_fn: Callable,
    z: tf.Tensor,
    num_layers: int,
    *,
    value_shape: tf.TensorShape,
    reverse: bool = False,
) -> tuple[tf.Tensor, tf.Tensor]:
    """As `run_layers`, of elementwise layers that move `z` by one stored value.

    XLA on CPUs copies `z` in each layer whose value might be stored after `z` has been
    overwritten. Here what moves `z` is read from where it was stored.

    Args:
      value_fn: callable, `(k, z) -> value`.
      move_fn: callable, `(k, z, value) -> z`.
      z: `Tensor`, which keeps its shape.
      num_layers: K.
      value_shape: the shape of `value`.
      reverse: whether to run the layers last to first.

    Returns:
      A pair: the last `z`, and the values, `[K, ...]`, in the order of the layers.
    """
    array = tf.TensorArray(
        z.dtype, num_layers, element_shape=value_shape, clear_after_read=False
    )

    def layer(k: tf.Tensor, state: tuple) -> tuple:
        z, array = state
        array = array.write(k, value_fn(k, z))
        return move_fn(k, z, array.read(k)), array

    z, array = loop_over_layers(layer, (z, array), num_layers, reverse=reverse)
    return z, array.stack()
