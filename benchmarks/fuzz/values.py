"""Values of arguments: some fit, most do not."""

import keras
import numpy as np
import tensorflow as tf
from hypothesis import strategies as st
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

NAN, INF = float("nan"), float("inf")


class Strange:
    """An object that fails wherever it is looked at, but for its `repr`."""

    def __len__(self):
        raise RuntimeError("no length")

    def __float__(self):
        raise RuntimeError("no number")

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no array")

    def __repr__(self):
        return "<Strange>"


def _raise(*args, **kwargs):
    raise RuntimeError("called")


# Made anew for each call. What is a size is small, or far too large to allocate.
MADE = {
    "None": lambda: None,
    "True": lambda: True,
    "False": lambda: False,
    "10**12": lambda: 10**12,
    "2**31": lambda: 2**31,
    "-2**31": lambda: -(2**31),
    "10**30": lambda: 10**30,
    "nan": lambda: NAN,
    "inf": lambda: INF,
    "-inf": lambda: -INF,
    "1e39": lambda: 1e39,
    "1e-45": lambda: 1e-45,
    "complex": lambda: 1j,
    "np.int64": lambda: np.int64(3),
    "np.float64": lambda: np.float64(0.5),
    "np.nan": lambda: np.float32(NAN),
    "np.bool": lambda: np.True_,
    "np.str": lambda: np.str_("planar"),
    "a class": lambda: Strange,
    "an object": object,
    "a strange object": Strange,
    "a generator": lambda: (i for i in range(3)),
    "a range": lambda: range(2),
    "a dict": lambda: {"a": 1},
    "a set": lambda: {1, 2},
    "bytes": lambda: b"abc",
    "a long text": lambda: "x" * 10_000,
    "a function": lambda: lambda x: x,
    "a sum": lambda: lambda x: tf.reduce_sum(x, -1),
    "a constant": lambda: lambda x: 0.0,
    "None of x": lambda: lambda x: None,
    "NaN of x": lambda: lambda x: x[..., 0] * NAN,
    "a pair of x": lambda: lambda x: (x, x),
    "a wrong dtype": lambda: lambda x: tf.cast(x[..., 0], tf.float64),
    "an int of x": lambda: lambda x: tf.cast(x[..., 0], tf.int32),
    "no arguments": lambda: lambda: 0.0,
    "two arguments": lambda: lambda x, y: 0.0,
    "fails": lambda: _raise,
    "no array": lambda: np.zeros([0]),
    "NaNs": lambda: np.full([4, 2], NAN, np.float32),
    "infinities": lambda: np.full([2], INF, np.float32),
    "objects": lambda: np.array([None, "a"], dtype=object),
    "texts": lambda: np.array(["a", "b"]),
    "ints": lambda: np.arange(4).reshape(2, 2),
    "complex numbers": lambda: np.ones([2], np.complex64),
    "bools": lambda: np.ones([2, 2], bool),
    "halves": lambda: np.ones([2, 2], np.float16),
    "dates": lambda: np.zeros([2], "M8[s]"),
    "records": lambda: np.zeros([2], [("a", "f4")]),
    "masked": lambda: np.ma.masked_equal(np.ones([4, 2], np.float32), 1.0),
    "a scalar": lambda: np.array(0.5, np.float32),
    "floats": lambda: np.ones([4, 2], np.float32),
    "three axes": lambda: np.ones([2, 3, 2], np.float32),
    "ragged lists": lambda: [[1.0], [1.0, 2.0]],
    "nested lists": lambda: [[[[1.0]]]],
    "a tensor": lambda: tf.ones([4, 2]),
    "a tensor of int": lambda: tf.constant([1, 2]),
    "a tensor of text": lambda: tf.constant(["a"]),
    "a tensor of float64": lambda: tf.ones([2], tf.float64),
    "a variable": lambda: tf.Variable([1.0, 2.0]),
    "a ragged tensor": lambda: tf.ragged.constant([[1.0], [1.0, 2.0]]),
    "a sparse tensor": lambda: tf.sparse.from_dense([[1.0, 0.0]]),
    "a symbolic tensor": lambda: keras.Input([2]),
    "a dataset": lambda: tf.data.Dataset.from_tensors(tf.ones([4, 2])),
    "tf.float16": lambda: tf.float16,
    "tf.float64": lambda: tf.float64,
    "tf.bfloat16": lambda: tf.bfloat16,
    "tf.int32": lambda: tf.int32,
    "np.float64 type": lambda: np.float64,
    "float type": lambda: float,
    "float64 name": lambda: "float64",
    "a normal": lambda: tfd.Normal(0.0, 1.0),
    "normals": lambda: tfd.Sample(tfd.Normal(0.0, 1.0), 2),
    "normals of float64": lambda: tfd.Sample(tfd.Normal(np.float64(0), 1), 2),
    "normals of size 3": lambda: tfd.MultivariateNormalDiag([0.0] * 3, [1.0] * 3),
    "a batch of normals": lambda: tfd.MultivariateNormalDiag(tf.zeros([3, 2])),
    "a poisson": lambda: tfd.Poisson([1.0, 1.0]),
    "a joint": lambda: tfd.JointDistributionSequential([tfd.Normal(0.0, 1.0)] * 2),
    "a bijector": lambda: tfb.Exp(),
    "an optimizer": lambda: keras.optimizers.Adam(1e-2),
    "an optimizer's class": lambda: keras.optimizers.Adam,
    "an optimizer of rate NaN": lambda: keras.optimizers.SGD(NAN),
    "a layer": lambda: keras.layers.Dense(2),
}


# Good ones for arguments of these names, of most functions that have them.
FITTING = dict(
    affine=[True],
    annealing_fn=[None, lambda step: 0.5],
    base=[tfd.MultivariateNormalDiag([1.0, 0.0], [1.0, 2.0])],
    batch_shape=[(2,), (2, 1)],
    batch_size=[1, 5],
    clip_norm=[None, 0.1],
    dtype=[tf.float64, "float32"],
    early_stopping=[True],
    event_size=[1, 3],
    form=["householder", "triangular"],
    fused=[False],
    gradient_estimator=["path"],
    init_scale=[0.0, 1],
    num_layers=[1, 5],
    num_samples=[128, 1_000],
    num_starts=[2],
    num_steps=[1, 7],
    quantities_fn=[lambda x: dict(a=x, b=x[:, 0] ** 2)],
    sample_size=[1, 9],
    seed=[(3, 4), None, -1, 10**20],
    steps_per_execution=[1, 2],
    thinning=[2],
    validate_args=[True],
    validation_split=[0.3],
)
_PLAIN = st.one_of(
    st.integers(-3, 5),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.integers(-1, 3), max_size=3),
    st.lists(st.floats(width=32), max_size=3),
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
)


def draw_value(draw, rng, name):
    """A value for an argument: what it is called, and a function that makes it.

    By `rng`, as Hypothesis by itself prefers some of many to the others.
    """
    kind = rng.random()
    if kind < 0.1 and name in FITTING:
        value = rng.choice(FITTING[name])
    elif kind < 0.7:
        made = rng.choice(sorted(MADE))
        return made, MADE[made]
    else:
        value = draw(_PLAIN)
    return repr(value), lambda: value
