"""Models as densities over unconstrained vectors."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows.density import RowwisePosterior
from tfp_flows.posteriors.batching import for_many_points
from tfp_flows.posteriors.model import as_model

tfb, tfd = tfp.bijectors, tfp.distributions
Root = tfd.JointDistributionCoroutine.Root

DATA = np.array([1.0, -0.5, 2.0], np.float32)
ROWS = RowwisePosterior(
    lambda z: -0.5 * tf.reduce_sum(z**2, axis=-1),
    lambda z, y: -0.5 * (z[:, :1] - y) ** 2,
    DATA,
    event_size=2,
)


@tfd.JointDistributionCoroutineAutoBatched
def auto_batched():
    mu = yield tfd.Normal(0.0, 5.0, name="mu")
    tau = yield tfd.HalfNormal(2.0, name="tau")
    yield tfd.Sample(tfd.Normal(mu, tau), 3, name="y")


@tfd.JointDistributionCoroutine
def batched():
    mu = yield Root(tfd.Normal(0.0, 5.0, name="mu"))
    tau = yield Root(tfd.HalfNormal(2.0, name="tau"))
    yield tfd.Independent(
        tfd.Normal(mu[..., tf.newaxis] + tf.zeros(3), tau[..., tf.newaxis]), 1, name="y"
    )


@tfd.JointDistributionCoroutine
def of_one_point():
    mu = yield Root(tfd.Normal(0.0, 5.0, name="mu"))
    tau = yield Root(tfd.HalfNormal(2.0, name="tau"))
    yield tfd.Independent(tfd.Normal(mu + tf.zeros(3), tau), 1, name="y")


named = tfd.JointDistributionNamed(
    dict(
        mu=tfd.Normal(0.0, 5.0),
        tau=tfd.HalfNormal(2.0),
        y=lambda mu, tau: tfd.Sample(tfd.Normal(mu, tau), 3),
    )
)
sequential = tfd.JointDistributionSequential(
    [
        tfd.Normal(0.0, 5.0),
        tfd.HalfNormal(2.0),
        lambda tau, mu: tfd.Sample(tfd.Normal(mu, tau), 3),
    ]
)


def log_density(mu, log_tau):
    """By NumPy-like steps, with the Jacobian of the softplus that TFP takes for tau."""
    tau = np.logaddexp(0.0, log_tau)
    prior = tfd.Normal(0.0, 5.0).log_prob(mu) + tfd.HalfNormal(2.0).log_prob(tau)
    likelihood = sum(tfd.Normal(mu, tau).log_prob(y) for y in DATA)
    return prior + likelihood - np.logaddexp(0.0, -log_tau)


@pytest.mark.parametrize(
    ("joint", "pin"),
    [
        (auto_batched, "y"),
        (batched, "y"),
        (of_one_point, "y"),
        (named, "y"),
        (sequential, "x"),
        (auto_batched.experimental_pin(y=DATA), None),
    ],
    ids=["auto-batched", "batched", "of-one-point", "named", "sequential", "pinned"],
)
def test_joint_distributions_of_all_flavours(joint, pin, rng):
    model = as_model(joint, {pin: DATA} if pin else {})
    assert model.event_size == 2
    assert len(model.names) == 2
    assert model.names[0] == "mu"
    z = rng.normal(size=[4, 2, 2]).astype(np.float32)
    points = model.named(model.constrain(z))
    tau = model.names[1]
    expected = log_density(z[..., 0], z[..., 1])
    np.testing.assert_allclose(model.log_prob_fn(z), expected, rtol=1e-4)
    np.testing.assert_allclose(points["mu"], z[..., 0], rtol=1e-6)
    np.testing.assert_allclose(points[tau], np.logaddexp(0.0, z[..., 1]), rtol=1e-5)


def test_loops_that_are_mapped_over_points():
    def recursion():
        a = yield tfd.Normal(0.0, 1.0, name="a")
        means = tf.scan(lambda mean, y: mean + a * y, DATA, tf.constant(0.0))
        yield tfd.Normal(means, 1.0, name="y")

    model = as_model(tfd.JointDistributionCoroutineAutoBatched(recursion), dict(y=DATA))
    assert not model.can_compile
    a = np.array([[0.5], [-1.0]], np.float32)
    expected = tfd.Normal(0.0, 1.0).log_prob(a[:, 0])
    expected += np.sum(tfd.Normal(a * np.cumsum(DATA), 1.0).log_prob(DATA), axis=1)
    np.testing.assert_allclose(model.log_prob_fn(a), expected, rtol=1e-5)


def test_variables_that_a_mapped_model_reads():
    scale = tf.Variable(2.0)

    @tfd.JointDistributionCoroutineAutoBatched
    def joint():
        mu = yield tfd.Normal(0.0, scale, name="mu")
        yield tfd.Sample(tfd.Normal(mu, 1.0), 3, name="y")

    z = tf.constant([[0.5], [-1.0]])
    model = as_model(joint, dict(y=DATA))
    _, slope = tfp.math.value_and_gradient(model.log_prob_fn, z)
    expected = np.sum(DATA) - 3.0 * z - z / scale**2
    np.testing.assert_allclose(slope, expected, rtol=1e-5)


def test_loops_are_mapped_without_their_gradients(rng):
    initial, transition = np.float32([0.5, 0.5]), np.float32([[0.8, 0.2], [0.3, 0.7]])

    @tfd.JointDistributionCoroutineAutoBatched
    def joint():
        mean = yield tfd.Sample(tfd.Normal(0.0, 1.0), 2, name="mean")
        yield tfd.HiddenMarkovModel(
            tfd.Categorical(probs=initial),
            tfd.Categorical(probs=transition),
            tfd.Normal(mean, 1.0),
            3,
            name="y",
        )

    model = as_model(joint, dict(y=DATA))
    z = tf.constant(rng.normal(size=[5, 2]), tf.float32)

    def forward_algorithm(z):
        alpha = initial
        for i, y in enumerate(DATA):
            emission = tfd.Normal(z, 1.0).prob(y)
            alpha = (alpha if i == 0 else alpha @ transition) * emission
        prior = tf.reduce_sum(tfd.Normal(0.0, 1.0).log_prob(z), axis=-1)
        return prior + tf.math.log(tf.reduce_sum(alpha, axis=-1))

    found = tfp.math.value_and_gradient(model.log_prob_fn, z)
    expected = tfp.math.value_and_gradient(forward_algorithm, z)
    for mine, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-5)


def test_supports_that_depend_on_other_parts(rng):
    @tfd.JointDistributionCoroutineAutoBatched
    def joint():
        a = yield tfd.Uniform(0.0, 1.0, name="a")
        b = yield tfd.Uniform(0.0, 1.0 - a, name="b")
        yield tfd.CholeskyLKJ(3, 2.0, name="factor")
        yield tfd.Normal(a + b, 1.0, name="y")

    model = as_model(joint, dict(y=0.5))
    assert model.event_size == 1 + 1 + 3
    z = rng.normal(size=[50, 5]).astype(np.float32)
    points = model.named(model.constrain(z))
    assert np.all(points["a"] + points["b"] <= 1.0)
    assert np.all(points["b"] >= 0.0)
    assert points["factor"].shape == (50, 3, 3)
    a, b = points["a"], points["b"]
    share = b / (1.0 - a)
    log_det = np.log(a * (1.0 - a)) + np.log((1.0 - a) * share * (1.0 - share))
    expected = log_det - np.log(1.0 - a) + tfd.Normal(a + b, 1.0).log_prob(0.5)
    rest = tfd.CholeskyLKJ(3, 2.0).log_prob(points["factor"])
    rest += tfb.CorrelationCholesky().forward_log_det_jacobian(z[:, 2:])
    np.testing.assert_allclose(model.log_prob_fn(z), expected + rest, rtol=1e-3)


def test_a_prior_of_matrices_is_normalised():
    parts = dict(k=tfd.CholeskyLKJ(2, 2.0), y=tfd.Uniform(0.0, 1.0))
    model = as_model(tfd.JointDistributionNamed(parts), dict(y=0.5))
    z = np.linspace(-20.0, 20.0, 4_001, dtype=np.float32)[:, np.newaxis]
    prior = np.exp(model.log_prob_fn(z))
    assert np.sum(prior) * 0.01 == pytest.approx(1.0, rel=1e-3)


CHOLESKY = tfd.WishartTriL(4.0, tf.eye(2), input_output_cholesky=True)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (tfd.LKJ(2, 2.0), r"k has a tfd\.LKJ.*use tfd\.CholeskyLKJ"),
        (tfd.Sample(tfd.LKJ(2, 2.0), 3), r"k has a tfd\.LKJ"),
        (
            tfd.TransformedDistribution(
                tfd.LKJ(2, 2.0), tfb.Invert(tfb.CholeskyOuterProduct())
            ),
            r"k has a tfd\.LKJ",
        ),
        (
            tfd.JointDistributionSequential([tfd.Normal(0.0, 1.0), CHOLESKY]),
            "k has a WishartTriL with input_output_cholesky=True",
        ),
        (tfd.VonMisesFisher([1.0, 0.0], 2.0), r"onto the sphere of k \(VonMisesFisher"),
    ],
    ids=["LKJ", "sample", "transformed", "nested", "sphere"],
)
def test_bijectors_of_tfp_that_do_not_fit_the_density(part, message):
    joint = tfd.JointDistributionNamed(dict(k=part, y=tfd.Normal(0.0, 1.0)))
    with pytest.raises(TypeError, match=message):
        as_model(joint, dict(y=0.0))


def test_hand_written_densities(rng):
    gamma = tfd.Gamma(2.0, 2.0)

    def log_prob_fn(x):
        return -tf.square(x["a"]) + tf.reduce_sum(gamma.log_prob(x["b"]), axis=-1)

    model = as_model(
        log_prob_fn,
        {},
        event_shape=dict(a=[], b=[2]),
        bijector=dict(a=tfb.Identity(), b=tfb.Exp()),
    )
    z = rng.normal(size=[5, 3]).astype(np.float32)
    expected = -(z[:, 0] ** 2) + np.sum(gamma.log_prob(np.exp(z[:, 1:])) + z[:, 1:], -1)
    np.testing.assert_allclose(model.log_prob_fn(z), expected, rtol=1e-5)
    assert model.names == ("a", "b")
    assert as_model(lambda x: -tf.reduce_sum(x**2, -1), {}, event_shape=3).event_size == 3


@tfd.JointDistributionCoroutineAutoBatched
def discrete():
    k = yield tfd.Categorical(probs=[0.5, 0.5], name="k")
    yield tfd.Normal(tf.cast(k, tf.float32), 1.0, name="y")


@tfd.JointDistributionCoroutine
def of_a_batch():
    mu = yield Root(tfd.Normal(0.0, 5.0, name="mu"))
    yield tfd.Normal(mu + tf.zeros(3), 1.0, name="y")


def with_part(distribution):
    return tfd.JointDistributionNamedAutoBatched(
        dict(k=distribution, y=lambda k: tfd.Normal(k, 1.0))
    )


MIXTURE = tfd.MixtureSameFamily(
    tfd.Categorical(probs=[0.5, 0.5]), tfd.Normal([0.0, 3.0], 1.0)
)
AUTOREGRESSIVE = tfd.Autoregressive(
    lambda x: tfd.Independent(tfd.Normal(0.5 * x, 1.0), 1), tf.zeros(2), num_steps=2
)
nested = tfd.JointDistributionNamed(
    dict(
        mu=tfd.Normal(0.0, 5.0),
        y=lambda mu: tfd.JointDistributionNamed(
            dict(u=tfd.Normal(mu, 1.0), v=tfd.Normal(mu, 2.0))
        ),
    )
)


@pytest.mark.parametrize(
    ("joint", "pins", "error", "message"),
    [
        (auto_batched, {}, ValueError, "No part .* is pinned"),
        (auto_batched, dict(z=1.0), ValueError, "no part named z; its parts are mu, tau"),
        (auto_batched, dict(y=DATA[:2]), ValueError, r"`y` has shape \[2\]"),
        (auto_batched, dict(y=DATA * np.nan), ValueError, "`y` has 3 values of 3"),
        (auto_batched, dict(y="a"), TypeError, "`y` must be an array of numbers"),
        (auto_batched, dict(y=[[1.0], [2.0, 3.0]]), ValueError, "`y` is no array"),
        (auto_batched, dict(y=np.stack([DATA, DATA])), ValueError, r"shape \[2, 3\]"),
        (auto_batched, dict(y=np.float64([1e40, 0, 0])), ValueError, "1 values of 3"),
        (auto_batched, dict(y=np.ma.array(DATA, mask=DATA < 0)), ValueError, "masked"),
        (auto_batched, dict(y=DATA, mu=0.0, tau=1.0), ValueError, "nothing is left"),
        (auto_batched.experimental_pin(mu=0.0), dict(mu=1.0), ValueError, "mu is pinned"),
        (auto_batched.experimental_pin(y=DATA * np.inf), {}, ValueError, "`y` has 3"),
        (nested, dict(y=dict(u=1.0)), ValueError, "`y` must have the structure"),
        (nested, dict(y=dict(u=1.0, v=np.nan)), ValueError, "`y` has 1 values of 1"),
        (discrete, dict(y=1.0), TypeError, "k is discrete"),
        (with_part(tfd.Poisson(2.0)), dict(y=1.0), TypeError, r"of k \(Poisson\): if"),
        (with_part(MIXTURE), dict(y=1.0), TypeError, r"Identity\(\) for a mixture"),
        pytest.param(
            with_part(tfd.Deterministic(1.0)),
            dict(y=1.0),
            TypeError,
            "k is tfd.Determ",
            marks=pytest.mark.skipif(
                np.lib.NumpyVersion(np.__version__) < "2.4.0",
                reason="TFP's bijector of it works there, and has no numbers",
            ),
        ),
        (of_a_batch, dict(y=DATA), ValueError, r"shape \(3,\), but must be one number"),
        (tfd.Normal(0.0, 1.0), dict(y=1.0), TypeError, "needs a joint distribution"),
        (3, {}, TypeError, "but got 3"),
        (ROWS, {}, TypeError, r"RowwisePosterior .* tff\.planar_flow\(2, 16, affine"),
        (lambda x: x, {}, ValueError, "needs `event_shape`"),
        (
            with_part(AUTOREGRESSIVE),
            dict(k=np.zeros(2)),
            ValueError,
            "k has no static event_shape",
        ),
        (
            tfd.JointDistributionNamed(dict(k=AUTOREGRESSIVE, y=tfd.Normal(0.0, 1.0))),
            dict(y=0.0),
            ValueError,
            "k has no static event_shape",
        ),
    ],
)
def test_bad_models(joint, pins, error, message):
    with pytest.raises(error, match=message):
        as_model(joint, pins)


@pytest.mark.parametrize(
    ("log_prob_fn", "message"),
    [(lambda x: x["a"][:, 0], r"\(x\[\.\.\., 0\] for"), (lambda x: x["b"], "'b'")],
)
def test_functions_that_fail(log_prob_fn, message):
    with pytest.raises(ValueError, match=f"failed at its first evaluation.*{message}"):
        as_model(log_prob_fn, {}, event_shape=dict(a=[2]))


def asserting(z):
    with tf.control_dependencies([tf.debugging.assert_less(z, -9.0)]):
        return tf.reduce_sum(z, axis=-1)


@pytest.mark.parametrize("is_auto_batched", [False, True])
@pytest.mark.parametrize(
    ("log_prob_fn", "cause", "message"),
    [
        (lambda z: {}["sigma"], KeyError, "failed at its first evaluation.*'sigma'"),
        (asserting, tf.errors.InvalidArgumentError, "failed at its first evaluation"),
        (lambda z: z, type(None), r"shape \(2,\), but must be one number"),
    ],
)
def test_densities_that_fail_at_one_point(log_prob_fn, cause, message, is_auto_batched):
    with pytest.raises(ValueError, match=message) as found:
        for_many_points(log_prob_fn, 2, tf.float32, is_auto_batched=is_auto_batched)
    assert isinstance(found.value.__cause__, cause)


def test_densities_that_cannot_be_mapped():
    """A loop, whose gradient is not mapped, of what has a gradient of its own."""

    @tf.custom_gradient
    def twice_as_steep(x):
        return tf.identity(x), lambda upstream: 2.0 * upstream

    def with_loop(z):
        product = tf.scan(lambda state, x: state * x, z)[-1]
        return product - tf.reduce_sum(twice_as_steep(z), axis=-1)

    with pytest.raises(ValueError, match="TensorFlow cannot map"):
        for_many_points(with_loop, 2, tf.float32, is_auto_batched=True)


@pytest.mark.parametrize("bijector", [3, [1.0, 2.0], [tfb.Exp()], float], ids=str)
def test_bijectors_of_another_structure(bijector):
    with pytest.raises(ValueError, match="`bijector` must be a"):
        as_model(auto_batched, dict(y=DATA), bijector=bijector)


def test_simplexes_where_tfp_fails():
    @tfd.JointDistributionCoroutineAutoBatched
    def joint():
        p = yield tfd.Dirichlet([1.0, 1.0, 1.0], name="p")
        yield tfd.Multinomial(10.0, probs=p, name="y")

    data = dict(y=[3.0, 3.0, 4.0])
    try:
        tfb.SoftmaxCentered()
    except TypeError:
        with pytest.raises(TypeError, match=r"numpy<2\.4, or pass `bijector`"):
            as_model(joint, data)
    model = as_model(joint, data, bijector=[tfb.IteratedSigmoidCentered()])
    assert model.event_size == 2
    z = np.zeros([2, 2], np.float32)
    np.testing.assert_allclose(model.named(model.constrain(z))["p"], 1 / 3, rtol=1e-5)
