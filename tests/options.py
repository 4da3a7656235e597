"""Values of the options that flows and fits share, by name, and what they stand for."""

import functools

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

import tfp_flows as tff

tfb, tfd = tfp.bijectors, tfp.distributions

# The first value of each option is its default, or the plainest.
FLOW = dict(
    family=[
        "planar",
        "radial",
        "orthogonal",
        "autoregressive",
        "householder",
        "triangular",
    ],
    fused=[True, False],
    affine=[False, True],
    base=["standard", "trainable", "laplace", "normal"],
    batch_shape=[(), (2,)],
    dtype=["float32", "float64"],
    init_scale=[0.1, 0.0],
    validate_args=[False, True],
    around=["nothing", "inverted", "shifted"],
)
LOOP = dict(
    optimizer=[None, "keras", "tf_keras"],
    seed=[0, None, (1, 2)],
    clip_norm=[1.0, None],
    steps_per_execution=[None, 1],
    checkpoint_steps=["no file", None, 1],
    tensorboard=[False, True],
    progress_bar=[False, True],
)
TARGETS = ["function", "distribution", "joint", "outside", "energy"]


def build(row):
    """The flow of a row; takes its options out."""
    option = {key: row.pop(key) for key in FLOW}
    dtype, around = tf.as_dtype(option["dtype"]), option.pop("around")
    zeros = tf.zeros([2], dtype)
    bases = dict(
        standard=lambda: None,
        normal=lambda: tfd.MultivariateNormalDiag(zeros + 0.5),
        laplace=lambda: tfd.Sample(tfd.Laplace(zeros[0], 1.0), 2),
        trainable=lambda: tfd.MultivariateNormalDiag(tf.Variable(zeros)),
    )
    option["base"] = bases[option["base"]]()
    family = option.pop("family")
    builders = dict(
        planar=tff.planar_flow,
        radial=tff.radial_flow,
        autoregressive=tff.autoregressive_flow,
    )
    sylvester = functools.partial(tff.sylvester_flow, form=family)
    flow = builders.get(family, sylvester)(2, 2, seed=3, **option)
    if around == "nothing":
        return flow
    shift = tfb.Shift(tf.Variable(zeros))
    chains = dict(
        inverted=lambda: tfb.Invert(flow.bijector),
        shifted=lambda: tfb.Chain([shift, flow.bijector]),
    )
    return tfd.TransformedDistribution(flow.distribution, chains[around]())


def target_of(kind, dtype):
    one = tf.ones([2], dtype)

    def log_prob(x):
        return -0.5 * tf.reduce_sum((x - one) ** 2, axis=-1)

    @tf.custom_gradient
    def outside(x):
        values = tf.numpy_function(
            lambda x: -0.5 * np.sum((x - 1.0) ** 2, axis=-1).astype(x.dtype), [x], dtype
        )
        return values, lambda upstream: upstream[..., tf.newaxis] * (one - x)

    def joint():
        normal = tfd.MultivariateNormalDiag(one)
        parts = dict(x=normal, y=lambda x: tfd.Normal(x[..., 0], one[0]))
        return tfd.JointDistributionNamed(parts).experimental_pin(y=one[0])

    kinds = dict(
        function=lambda: log_prob,
        distribution=lambda: tfd.MultivariateNormalDiag(one),
        energy=lambda: tff.targets.get("u1", dtype=dtype),
        joint=joint,
        outside=lambda: outside,
    )
    return kinds[kind]()


def loop_arguments(row, folder):
    """The arguments that all fits have; takes them out."""
    option = {key: row.pop(key) for key in LOOP}
    optimizers = {
        None: lambda: None,
        "keras": lambda: keras.optimizers.Adam(0.01),
        "tf_keras": lambda: tf_keras.optimizers.Adam(0.01),
    }
    option["optimizer"] = optimizers[option["optimizer"]]()
    if option["checkpoint_steps"] == "no file":
        option["checkpoint_steps"] = None
    else:
        option["checkpoint_dir"] = folder / "checkpoint"
    if option.pop("tensorboard"):
        option["tensorboard_dir"] = folder / "events"
    return option
