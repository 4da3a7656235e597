import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.mcmc import random_walk_metropolis

tfd = tfp.distributions


def standard_normal(x):
    return -0.5 * tf.reduce_sum(tf.square(x), axis=-1)


def run(target, **kwargs):
    defaults = dict(num_chains=8, num_samples=20, num_burnin=20, seed=0)
    return random_walk_metropolis(target, **(defaults | kwargs))


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        (dict(num_chains=0), "`num_chains` must be an integer of at least 1.* got 0"),
        (dict(num_samples=0), "`num_samples` must be .* got 0"),
        (dict(num_samples=2.5), "`num_samples` must be .* got 2.5"),
        (dict(num_burnin=-1), "`num_burnin` must be an integer of at least 0.* got -1"),
        (dict(num_burnin=True), "`num_burnin` must be .* got True"),
        (dict(thinning=0), "`thinning` must be .* got 0"),
        (dict(event_size=0), "`event_size` must be .* got 0"),
        (dict(initial_scale=0.0), "`initial_scale` must be .* got 0.0"),
        (dict(initial_scale=np.inf), "`initial_scale` must be .* got inf"),
        (dict(initial_spread=-1.0), "`initial_spread` must be .* got -1.0"),
        (dict(initial_spread="wide"), "`initial_spread` must be .* got 'wide'"),
        (dict(parameter_scales=[1.0]), "one for each of D = 2 .* got \\[1.0\\]"),
        (dict(parameter_scales=[1.0, 0.0]), "must be finite numbers > 0"),
        (dict(parameter_scales="sd"), "None, 'burnin' .* but got 'sd'"),
        (dict(parameter_scales=["a", "b"]), "must be finite numbers > 0"),
        (dict(parameter_scales=[1j, 1.0]), "must be finite numbers > 0"),
        (dict(parameter_scales=[1.0, 1e300]), "> 0 in float32, but got .*1e.300"),
        (dict(initial_scale=1e-300), "`initial_scale` must be .* in float32"),
        (dict(initial_spread=1e39), "`initial_spread` must be .* in float32"),
        (dict(parameter_scales="burnin", num_burnin=0), "with num_burnin=0"),
    ],
)
def test_numbers_out_of_range(kwargs, message):
    with pytest.raises(ValueError, match=message):
        run(standard_normal, **(dict(event_size=2) | kwargs))


def test_unknown_event_size():
    with pytest.raises(ValueError, match="event_size=D, or initial_state"):
        run(standard_normal)


@pytest.mark.parametrize(
    ("target", "kwargs", "message"),
    [
        (
            tfd.MultivariateNormalDiag(tf.zeros(2)),
            dict(event_size=3),
            "2 from the target's event shape, 3 from event_size",
        ),
        (
            standard_normal,
            dict(event_size=3, initial_state=tf.zeros([8, 2])),
            "3 from event_size, 2 from initial_state",
        ),
        (tfd.Normal(0.0, 1.0), {}, r"event shape is \(\); .*tfd.Sample\(dist, 1\)"),
        (
            tfd.JointDistributionSequential([tfd.Normal(0.0, 1.0), tfd.Normal(0.0, 1.0)]),
            {},
            "events are a structure",
        ),
    ],
    ids=["event_size", "initial_state", "scalar", "joint"],
)
def test_wrong_events(target, kwargs, message):
    with pytest.raises(ValueError, match=message):
        run(target, **kwargs)


@pytest.mark.parametrize("shape", [[2], [7, 2], [8, 2, 1]])
def test_wrong_shape_of_initial_state(shape):
    with pytest.raises(ValueError, match=r"\[8, D\], but got shape"):
        run(standard_normal, initial_state=tf.zeros(shape))


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (np.full([8, 2], np.nan), "`initial_state` is NaN or infinite in float32 at 8"),
        (np.eye(8, 2) / 0.0, "at 8 of 8 points"),
        (1e300 * np.eye(8, 2), "in float32 at 2 of 8 points.*index 0"),
        (np.zeros([8, 2], complex), "real numbers, but is complex128"),
        ([["a", "b"]] * 8, "real numbers, but is string"),
        ([[1.0], [2.0, 3.0]], "must be numbers, but got"),
    ],
    ids=["nan", "inf", "overflow", "complex", "text", "ragged"],
)
@pytest.mark.filterwarnings("ignore:(divide|invalid):RuntimeWarning")
def test_initial_states_that_are_no_finite_numbers(state, message):
    with pytest.raises(ValueError, match=message):
        run(lambda x: tf.zeros_like(x[..., 0]), initial_state=state, dtype=tf.float32)


def test_masked_initial_state():
    state = np.ma.masked_array(np.zeros([8, 2]), mask=np.eye(8, 2))
    with pytest.raises(TypeError, match="initial_state as a masked array"):
        run(standard_normal, initial_state=state)


@pytest.mark.parametrize(
    ("target", "kwargs", "message"),
    [
        (3.0, {}, "must be a function .* but got 3.0"),
        (
            tfd.MultivariateNormalDiag(tf.zeros(2)),
            dict(dtype=tf.float64),
            "float32 from the target, float64 from dtype",
        ),
        (standard_normal, dict(dtype=tf.int32), "`dtype` must be floating-point.*int32"),
        (tfd.Sample(tfd.Bernoulli(0.0), 2), {}, "is int32"),
        (lambda x: tf.cast(standard_normal(x), tf.float64), {}, "returned float64"),
    ],
    ids=["number", "conflict", "int", "discrete", "returned"],
)
def test_wrong_types(target, kwargs, message):
    with pytest.raises(TypeError, match=message):
        run(target, **(dict(event_size=2) | kwargs))


def undefined_at(value, row):
    def target(x):
        is_row = tf.reduce_all(x == row, axis=-1)
        return tf.where(is_row, value, standard_normal(x))

    return target


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.nan, r"NaN or \+inf at 2 of 8 points.*nan at \[3\. 4\.\]"),
        (np.inf, r"NaN or \+inf at 2 of 8 points.*inf at \[3\. 4\.\]"),
        (-np.inf, r"-inf at 2 of 8 points.*at \[3\. 4\.\].*inside the support"),
    ],
)
def test_bad_values_at_the_initial_state(value, message):
    state = np.zeros([8, 2], np.float32)
    state[[2, 5]] = [3.0, 4.0]
    with pytest.raises(ValueError, match=message):
        run(undefined_at(value, state[2]), initial_state=state)


def test_no_starting_point_in_the_support():
    def far_away(x):
        return tf.where(x[..., 0] > 1e3, standard_normal(x), -np.inf)

    message = r"8 of 8 chains have no starting point.*`initial_state` of shape \[8, 2\]"
    with pytest.raises(ValueError, match=message):
        run(far_away, event_size=2)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda x: -tf.square(x), r"returned shape \(8, 2\).*must return"),
        (lambda x: tf.reduce_sum(x), r"returned shape \(\)"),
        (lambda x: x[..., 5], "failed at its first evaluation"),
    ],
    ids=["not reduced", "reduced too far", "fails"],
)
def test_bad_targets_are_found_at_one_eager_evaluation(returned, message):
    evaluations = []

    def target(x):
        evaluations.append(tf.executing_eagerly())
        return returned(x)

    with pytest.raises(ValueError, match=message):
        run(target, event_size=2)
    assert evaluations == [True]


def test_a_forgotten_sum_over_as_many_observations_as_chains():
    y = tf.linspace(-1.0, 1.0, 8)
    with pytest.raises(ValueError, match="works for 8 points, but fails for 3 of them"):
        run(lambda x: tfd.Normal(x[..., 0], 1.0).log_prob(y), event_size=1)


@pytest.mark.parametrize(
    "target",
    [
        lambda x: tf.constant(-0.5 * np.sum(x.numpy() ** 2, axis=-1)),
        lambda x: standard_normal(x) if tf.reduce_sum(x) > -1e9 else x[:, 0],
    ],
    ids=["numpy", "python if"],
)
def test_targets_that_cannot_be_compiled(target):
    with pytest.raises(ValueError, match=r"cannot be compiled.*TensorFlow operations"):
        run(target, event_size=2)
