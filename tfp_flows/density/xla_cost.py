"""What makes a density slow under XLA: long chains of arithmetic, and factorizations."""

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import tensorflow as tf

# Operations that XLA fuses with those before them, point by point.
_ARITHMETIC = {
    "Abs", "Add", "AddN", "AddV2", "BiasAdd", "Cos", "Div", "DivNoNan", "Exp", "Expm1",
    "Log", "Log1p", "Maximum", "Minimum", "Mul", "MulNoNan", "Neg", "Pow", "RealDiv",
    "Reciprocal", "Rsqrt", "Select", "SelectV2", "Sigmoid", "Sin", "Softplus", "Sqrt",
    "Square", "SquaredDifference", "Sub", "Tanh", "Xdivy", "Xlog1py", "Xlogy",
}  # fmt: skip
# And those that pass numbers on.
_PASSING = {
    "BroadcastTo", "Cast", "ConcatV2", "EnsureShape", "ExpandDims", "GatherV2",
    "Identity", "IdentityN", "Pack", "PartitionedCall", "Reshape", "Squeeze",
    "StatefulPartitionedCall", "StopGradient", "StridedSlice", "Tile", "Transpose",
    "Unpack",
}  # fmt: skip
# Those that XLA makes column by column on CPUs, where TensorFlow calls Eigen. The first
# input is the matrix.
_FACTORIZATIONS = {
    "Cholesky", "LogMatrixDeterminant", "Lu", "MatrixDeterminant", "MatrixInverse",
    "MatrixSolve", "Qr", "SelfAdjointEigV2", "Svd",
}  # fmt: skip


def arithmetic_depth(graph_fn: tf.types.experimental.ConcreteFunction) -> int:
    """The most elementwise operations, each of the one before, in a graph.

    Sums, products of matrices, loops and the like end a chain.

    Args:
      graph_fn: `ConcreteFunction`.

    Returns:
      `int`.
    """
    graph_def = graph_fn.graph.as_graph_def()
    library = graph_def.library.function
    functions = {function.signature.name: function for function in library}
    return _depth(graph_def.node, functions)


def _depth(nodes: Iterable[Any], functions: dict[str, Any]) -> int:
    """Of nodes in an order in which inputs come first, or of other functions."""
    depths: dict[str, int] = {}
    for node in nodes:
        own = 1 if node.op in _ARITHMETIC else 0
        if node.op.endswith("PartitionedCall"):
            own = _depth(functions[node.attr["f"].func.name].node_def, functions)
        passes = own or node.op in _PASSING
        before = [depths.get(name.lstrip("^").split(":")[0], 0) for name in node.input]
        depths[node.name] = own + max(before, default=0) if passes else 0
    return max(depths.values(), default=0)


def largest_factorization(
    graph_fn: tf.types.experimental.ConcreteFunction, num_points: int
) -> int:
    """The most rows of a matrix that is factorized, solved or inverted for each point.

    Args:
      graph_fn: `ConcreteFunction`, of `num_points` points.
      num_points: a number by which an axis of points is known from other batch axes.

    Returns:
      `int`, 0 if there is no such matrix, or its size is not known.
    """
    graph_def = graph_fn.graph.as_graph_def(add_shapes=True)
    matrices = _factorized(graph_def.node, {})
    for function in graph_def.library.function:
        named = enumerate(function.signature.input_arg)
        inputs = {arg.name: _shapes(function.arg_attr[i]) for i, arg in named}
        matrices = itertools.chain(matrices, _factorized(function.node_def, inputs))
    sizes = [0]
    for matrix in matrices:
        shape = matrix.as_list() if matrix.rank is not None else []
        if {None, num_points} & set(shape[:-2]):
            sizes.append(shape[-2] or 0)
    return max(sizes)


def _factorized(
    nodes: Iterable[Any], inputs: dict[str, list[tf.TensorShape]]
) -> Iterator[tf.TensorShape]:
    """The shapes of what is factorized, of nodes and of the inputs of their function."""
    nodes = list(nodes)
    shapes = inputs | {node.name: _shapes(node) for node in nodes}
    for node in nodes:
        if node.op in _FACTORIZATIONS:
            # `name`, `name:1`, or in a function `name:output:1`.
            name, *path = node.input[0].split(":")
            index = int(path[-1]) if path else 0
            yield from shapes.get(name, [])[index : index + 1]


def _shapes(node: Any) -> list[tf.TensorShape]:
    return [tf.TensorShape(s) for s in node.attr["_output_shapes"].list.shape]
