"""What makes a density slow under XLA: long chains of arithmetic, and factorizations."""

import itertools
from collections.abc import Iterable
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
# Those that XLA makes column by column on CPUs, where TensorFlow calls Eigen.
_FACTORIZATIONS = {
    "Cholesky", "MatrixInverse", "MatrixSolve", "Qr", "SelfAdjointEigV2", "Svd"
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


def largest_factorization(graph_fn: tf.types.experimental.ConcreteFunction) -> int:
    """The most rows of a matrix that is factorized, solved or inverted in a graph.

    Of batches of matrices, as where there is one for each point; those of determinants,
    whose results do not tell, are not counted.

    Args:
      graph_fn: `ConcreteFunction`.

    Returns:
      `int`, 0 if there is none whose size is known.
    """
    graph_def = graph_fn.graph.as_graph_def(add_shapes=True)
    functions = (function.node_def for function in graph_def.library.function)
    sizes = [0]
    for node in itertools.chain(graph_def.node, *functions):
        if node.op in _FACTORIZATIONS:
            shapes = map(tf.TensorShape, node.attr["_output_shapes"].list.shape)
            sizes += [shape[-2] or 0 for shape in shapes if (shape.rank or 0) > 2]
    return max(sizes)
