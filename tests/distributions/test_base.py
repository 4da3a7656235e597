"""The base of flows, the checks of arguments, and what all builders share."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import bijectors, distributions, numerics
from tfp_flows.distributions import base as base_module

tfd = tfp.distributions


@pytest.fixture(
    params=[getattr(distributions, f"{name}_flow") for name in bijectors.FAMILIES]
)
def build(request):
    """Each builder in turn."""
    return request.param


def layers_of(flow):
    """The parameters of all layers, by name, of a fused flow or of a chain."""
    bijector = flow.bijector
    if not isinstance(bijector, tfp.bijectors.Chain):
        names = bijector.parameter_properties()
        return {name: np.array(getattr(bijector, name) + 0.0) for name in names}
    layers = bijector.bijectors[::-1]
    return {
        name: np.stack(
            [getattr(layer, name) + 0.0 for layer in layers],
            axis=-1 - properties.event_ndims,
        )
        for name, properties in layers[0].parameter_properties().items()
    }


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
@pytest.mark.parametrize("batch_shape", [(), (3,), (2, 3)], ids=str)
def test_standard_normal(batch_shape, dtype, rng):
    base = numerics.standard_normal(4, dtype, batch_shape)
    assert base.event_shape == (4,)
    assert base.batch_shape == batch_shape
    assert base.dtype == dtype
    x = rng.normal(size=(7, *batch_shape, 4))
    expected = -0.5 * np.sum(x**2, axis=-1) - 2.0 * np.log(2.0 * np.pi)
    np.testing.assert_allclose(base.log_prob(x), expected, rtol=1e-5)


def test_moments_of_the_standard_normal():
    x = numerics.standard_normal(3, tf.float64, (2,)).sample(20_000, seed=(1, 2))
    assert x.shape == (20_000, 2, 3)
    flat = tf.reshape(x, [20_000, 6]).numpy()
    # Five standard errors of 20,000 draws; the components are independent too.
    assert np.max(np.abs(np.mean(flat, axis=0))) < 5.0 / np.sqrt(20_000)
    assert np.max(np.abs(np.cov(flat.T) - np.eye(6))) < 5.0 * np.sqrt(2.0 / 20_000)


@pytest.mark.parametrize("dtype", [tf.float32, "float64", np.float16, tf.bfloat16])
def test_floating_dtypes_are_accepted(dtype):
    assert numerics.check_dtype(dtype) == tf.as_dtype(dtype)


@pytest.mark.parametrize("dtype", [tf.int32, "bool", np.complex64])
def test_other_dtypes_are_refused(dtype):
    name = tf.as_dtype(dtype).name
    with pytest.raises(TypeError, match=f"`dtype` must be floating-point.*{name}"):
        numerics.check_dtype(dtype)


def test_a_base_that_fits_is_kept():
    base = tfd.MultivariateNormalDiag(tf.ones(2), 2.0 * tf.ones(2))
    assert base_module.resolve_base(base, 2, tf.float32, ()) is base
    default = base_module.resolve_base(None, 2, tf.float32, (3,))
    assert default.batch_shape == (3,)
    assert default.event_shape == (2,)


@pytest.mark.parametrize(
    ("base", "arrived"),
    [
        (tfd.MultivariateNormalDiag(tf.zeros(3)), r"\(3,\)"),
        (tfd.Normal(0.0, 1.0), r"\(\)"),
        (tfd.Normal(tf.zeros(2), 1.0), r"\(\)"),
        (tfd.Sample(tfd.Normal(0.0, 1.0), [2, 2]), r"\(2, 2\)"),
    ],
    ids=["size 3", "scalar", "batch", "matrix"],
)
def test_a_base_of_another_event_shape_is_refused(base, arrived):
    with pytest.raises(ValueError, match=rf"event shape {arrived}.*\[2\]"):
        base_module.resolve_base(base, 2, tf.float32, ())


def test_a_base_of_another_dtype_is_refused():
    base = tfd.MultivariateNormalDiag(tf.zeros(2, tf.float64))
    with pytest.raises(TypeError, match="dtype float64, but the flow float32"):
        base_module.resolve_base(base, 2, tf.float32, ())


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
@pytest.mark.parametrize("batch_shape", [(), (3,)], ids=str)
def test_shapes_and_dtypes(build, batch_shape, dtype, fused):
    flow = build(
        4, 2, seed=0, dtype=dtype, fused=fused, batch_shape=batch_shape, name="flow"
    )
    assert isinstance(flow, tfd.TransformedDistribution)
    assert flow.name == "flow"
    assert flow.dtype == dtype
    assert flow.event_shape == (4,)
    assert flow.batch_shape == batch_shape
    x, log_q = flow.experimental_sample_and_log_prob([5, 2], seed=(0, 1))
    assert x.dtype == dtype
    assert x.shape == (5, 2, *batch_shape, 4)
    assert log_q.dtype == dtype
    assert log_q.shape == (5, 2, *batch_shape)
    parameters = layers_of(flow)
    assert len(flow.trainable_variables) == len(parameters) * (1 if fused else 2)
    assert all(variable.dtype == dtype for variable in flow.trainable_variables)
    for parameter in parameters.values():
        assert parameter.shape[: len(batch_shape) + 1] == (*batch_shape, 2)


def test_builder_defaults(build):
    flow = build(2, 3)
    assert flow.dtype == tf.float32
    assert flow.batch_shape == ()
    assert flow.bijector.num_layers == 3


@pytest.mark.parametrize("fused", [True, False])
def test_seeds(build, fused):
    first, again, other = (
        layers_of(build(2, 3, seed=seed, fused=fused)) for seed in (7, 7, 8)
    )
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name])
    assert any(np.all(value != other[name]) for name, value in first.items())


def test_stateless_seeds_and_none(build):
    first, again = (layers_of(build(2, 3, seed=(1, 2))) for _ in range(2))
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name])
    first, other = (layers_of(build(2, 3)) for _ in range(2))
    assert any(np.all(value != other[name]) for name, value in first.items())
    with pytest.raises(TypeError, match="`seed` must be an int"):
        build(2, 3, seed=1.5)


@pytest.mark.parametrize("batch_shape", [(), (3,)], ids=str)
def test_fused_and_chain_are_the_same_flow(build, batch_shape, rng):
    fused, chain = (
        build(
            4,
            3,
            seed=5,
            fused=fused,
            dtype=tf.float64,
            batch_shape=batch_shape,
            init_scale=1.0,
        )
        for fused in (True, False)
    )
    assert isinstance(chain.bijector, tfp.bijectors.Chain)
    parameters = layers_of(chain)
    for name, value in layers_of(fused).items():
        # Equal, but for the softplus of alpha, which rounds by the size of its array.
        np.testing.assert_allclose(value, parameters[name], rtol=1e-15)
    x = tf.constant(rng.normal(size=(5, *batch_shape, 4)))
    np.testing.assert_allclose(
        fused.bijector.forward(x), chain.bijector.forward(x), rtol=1e-10, atol=1e-12
    )
    np.testing.assert_allclose(
        fused.bijector.forward_log_det_jacobian(x, event_ndims=1),
        chain.bijector.forward_log_det_jacobian(x, event_ndims=1),
        rtol=1e-10,
        atol=1e-12,
    )
    for actual, expected in zip(
        fused.experimental_sample_and_log_prob(5, seed=(0, 1)),
        chain.experimental_sample_and_log_prob(5, seed=(0, 1)),
        strict=True,
    ):
        np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_zero_init_scale_is_the_identity(build, dtype, fused, rng):
    for event_size in (1, 2, 50):
        flow = build(event_size, 2, seed=0, dtype=dtype, fused=fused, init_scale=0.0)
        x = tf.constant(rng.normal(size=(100, event_size)), dtype)
        # A few epsilons per layer, and per dimension in the log-det.
        bound = 2 * 8 * np.finfo(dtype.as_numpy_dtype).eps
        np.testing.assert_allclose(flow.bijector.forward(x), x, rtol=bound, atol=bound)
        log_det = flow.bijector.forward_log_det_jacobian(x, event_ndims=1)
        assert np.max(np.abs(log_det)) <= bound * event_size


def test_starts_near_the_identity(build, rng):
    x = tf.constant(rng.normal(size=(100, 2)), tf.float32)
    moved = [
        np.mean(np.abs(build(2, 8, seed=0, init_scale=s).bijector.forward(x) - x))
        for s in (0.01, 0.1)
    ]
    assert 0.0 < moved[0] < 0.1
    assert moved[0] < moved[1] < 1.0


@pytest.mark.parametrize("fused", [True, False])
def test_every_variable_gets_a_gradient(build, fused):
    flow = build(3, 2, seed=0, fused=fused, batch_shape=[2])
    with tf.GradientTape() as tape:
        x, log_q = flow.experimental_sample_and_log_prob(20, seed=(0, 1))
        loss = tf.reduce_sum(log_q) + tf.reduce_sum(tf.square(x - 1.0))
    for gradient in tape.gradient(loss, flow.trainable_variables):
        assert gradient is not None
        assert np.all(np.isfinite(gradient))
        assert np.any(np.abs(gradient) > 0.0)


def test_log_prob_of_own_samples(build):
    flow = build(2, 4, seed=0, dtype=tf.float64, init_scale=1.0)
    x, log_q = flow.experimental_sample_and_log_prob(5, seed=(0, 1))
    np.testing.assert_allclose(flow.log_prob(x), log_q, rtol=1e-12)


def test_density_is_normalized(build):
    # E_q[p / q] = 1 for a normal density p, if f is onto and q is its density.
    flow = build(2, 4, seed=3, dtype=tf.float64, init_scale=0.5)
    x, log_q = flow.experimental_sample_and_log_prob(20_000, seed=(0, 1))
    target = numerics.standard_normal(2, tf.float64)
    ratio = np.exp(target.log_prob(x / 0.7) - 2.0 * np.log(0.7) - log_q)
    error = np.std(ratio) / np.sqrt(ratio.size)
    assert error < 0.02
    assert abs(np.mean(ratio) - 1.0) < 5.0 * error


def test_samples_at_the_identity_are_those_of_the_base(build):
    base = tfd.MultivariateNormalDiag([3.0, -3.0], [0.1, 0.2])
    flow = build(2, 4, seed=0, base=base, init_scale=0.0)
    assert flow.distribution is base
    x = flow.sample(20_000, seed=(0, 1)).numpy()
    standard = (x - [3.0, -3.0]) / [0.1, 0.2]
    assert np.max(np.abs(np.mean(standard, axis=0))) < 5.0 / np.sqrt(20_000)
    covariance = np.cov(standard.T)
    assert np.max(np.abs(covariance - np.eye(2))) < 5.0 * np.sqrt(2.0 / 20_000)


@pytest.mark.parametrize("batch_shape", [(), (2,)])
def test_base_with_more_of_a_batch_than_the_flow(build, batch_shape):
    base = tfd.MultivariateNormalDiag(tf.zeros([3, 2]))
    with pytest.raises(ValueError, match=r"`base` has batch shape \(3,\), "):
        build(2, 2, base=base, batch_shape=batch_shape)


def test_base_without_the_batch_of_the_flow(build):
    base = tfd.MultivariateNormalDiag(tf.zeros(2))
    flow = build(2, 2, seed=0, base=base, batch_shape=[3])
    assert flow.batch_shape == (3,)
    x, log_q = flow.experimental_sample_and_log_prob(5, seed=(0, 1))
    assert x.shape == (5, 3, 2)
    assert log_q.shape == (5, 3)
    # The members of the batch draw their own noise.
    assert np.all(np.abs(x[:, 0] - x[:, 1]) > 1e-6)


def test_builders_refuse_a_base_that_does_not_fit(build):
    with pytest.raises(ValueError, match=r"event shape \(3,\)"):
        build(2, 2, base=tfd.MultivariateNormalDiag(tf.zeros(3)))
    with pytest.raises(TypeError, match="float64"):
        build(2, 2, base=tfd.MultivariateNormalDiag(tf.zeros(2, tf.float64)))


@pytest.mark.parametrize("value", [0, -1, 2.5, True, "3"], ids=repr)
def test_builders_refuse_bad_sizes(build, value):
    with pytest.raises(ValueError, match="`event_size`") as caught:
        build(value, 2)
    assert repr(value) in str(caught.value)
    with pytest.raises(ValueError, match="`num_layers`") as caught:
        build(2, value)
    assert repr(value) in str(caught.value)


def test_builders_refuse_bad_dtypes(build):
    with pytest.raises(TypeError, match="int32"):
        build(2, 2, dtype=tf.int32)


@pytest.mark.parametrize("fused", [True, False])
def test_validate_args_reaches_the_bijector(build, fused):
    flow = build(2, 2, seed=0, validate_args=True, fused=fused)
    compiled = tf.function(lambda: flow.sample(3, seed=(0, 1)))
    assert np.all(np.isfinite(compiled()))
    variable = flow.trainable_variables[0]
    variable.assign(np.nan * variable)
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be finite"):
        flow.sample(3, seed=(0, 1))
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be finite"):
        compiled()


@pytest.mark.parametrize("affine", [False, True])
def test_rebuilt_flows_are_alike_but_for_their_values(build, affine):
    base = tfd.MultivariateNormalDiag(tf.ones([3], tf.float64))
    flow = build(3, 2, seed=0, base=base, affine=affine, dtype=tf.float64, name="mine")
    other = flow.rebuild(seed=1, batch_shape=[4])
    assert other.distribution is base
    assert (other.name, other.dtype) == ("mine", tf.float64)
    pairs = list(zip(flow.trainable_variables, other.trainable_variables, strict=True))
    assert all(b.shape == [4, *a.shape] for a, b in pairs)
    assert any(np.all(b[0] != a) for a, b in pairs)
    again = flow.rebuild(seed=0)
    for a, b in zip(flow.trainable_variables, again.trainable_variables, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_family_of_the_users_is_built_like_others():
    family = dataclasses.make_dataclass(
        "Mine",
        [("spread", float, 1.0)],
        bases=(bijectors.PlanarFamily,),
        frozen=True,
        namespace=dict(
            name="mine",
            initial_values=lambda self, *args, **kwargs: {
                name: self.spread * value
                for name, value in bijectors.PlanarFamily.initial_values(
                    self, *args, **kwargs
                ).items()
            },
        ),
    )
    flow = distributions.build_flow(family, 2, 3, seed=0, init_scale=0.5, spread=2.0)
    planar = distributions.planar_flow(2, 3, seed=0, init_scale=0.5)
    np.testing.assert_array_equal(flow.bijector.u, 2.0 * planar.bijector.u)
    again = flow.rebuild(seed=0, batch_shape=[4])
    assert again.bijector.u.shape == (4, 3, 2)


COPIES = dict(
    deepcopy=copy.deepcopy,
    pickle=lambda value: pickle.loads(pickle.dumps(value)),
)


@pytest.mark.parametrize(("how", "fused"), [("deepcopy", False), ("pickle", True)])
def test_copies_and_pickles_are_flows_of_their_own(build, fused, how):
    shift = tf.Variable([1.0, 0.0])
    base = tfd.MultivariateNormalDiag(shift, [1.0, 2.0])
    flow = build(2, 2, seed=0, affine=True, fused=fused, base=base, name="mine")
    x = tf.constant([[0.3, 0.4]])
    before = flow.log_prob(x)  # and caches are full
    twin = COPIES[how](flow)
    assert (type(twin), twin.name) == (type(flow), "mine")
    np.testing.assert_array_equal(twin.log_prob(x), before)
    pairs = list(zip(twin.trainable_variables, flow.trainable_variables, strict=True))
    for ours, theirs in pairs:
        np.testing.assert_array_equal(ours, theirs)
        assert ours.name == theirs.name
        theirs.assign_add(tf.ones_like(theirs))
    np.testing.assert_array_equal(twin.log_prob(x), before)
    assert np.all(flow.log_prob(x) != before)
    twin = twin.rebuild(seed=1, batch_shape=[4])
    assert (twin.batch_shape, twin.name) == ((4,), "mine")


@pytest.mark.parametrize("how", COPIES)
def test_copies_of_one_member_of_a_batch(build, how):
    member = build(2, 3, seed=0, batch_shape=[4])[1]
    x = tf.constant([[0.3, 0.4]])
    np.testing.assert_array_equal(COPIES[how](member).log_prob(x), member.log_prob(x))


def test_copy_method_keeps_how_to_rebuild(build):
    flow = build(2, 3, seed=0)
    assert flow.copy(name="other").rebuild is flow.rebuild
    assert not hasattr(flow.copy(distribution=flow.distribution), "rebuild")
