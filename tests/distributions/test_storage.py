"""Saved flows: identical after loading, data only."""

import json

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff

tfb, tfd = tfp.bijectors, tfp.distributions


def same_map(first, second):
    z = first.distribution.sample(50, seed=(1, 2))
    np.testing.assert_array_equal(first.bijector.forward(z), second.bijector.forward(z))
    np.testing.assert_array_equal(
        first.bijector.forward_log_det_jacobian(z, event_ndims=1),
        second.bijector.forward_log_det_jacobian(z, event_ndims=1),
    )


@pytest.mark.parametrize("build", [tff.planar_flow, tff.radial_flow])
@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("batch_shape", [(), (3,)])
def test_round_trip_is_exact(tmp_path, build, fused, batch_shape):
    flow = build(
        3,
        4,
        seed=7,
        fused=fused,
        batch_shape=batch_shape,
        dtype=tf.float64,
        init_scale=1.0,
    )
    path = tmp_path / "flow.npz"
    tff.distributions.save(flow, path)
    loaded = tff.distributions.load(path)
    same_map(flow, loaded)
    assert loaded.batch_shape == flow.batch_shape
    assert loaded.dtype == flow.dtype
    assert len(loaded.trainable_variables) == len(flow.trainable_variables)
    x = flow.sample(5, seed=(0, 1))
    np.testing.assert_array_equal(x, loaded.sample(5, seed=(0, 1)))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["orthogonal", "householder", "triangular"])
@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("batch_shape", [(), (3,)])
def test_round_trip_of_sylvester_flows(tmp_path, form, fused, batch_shape):
    flow = tff.sylvester_flow(
        4,
        3,
        form=form,
        seed=7,
        fused=fused,
        batch_shape=batch_shape,
        dtype=tf.float64,
        init_scale=1.0,
    )
    path = tmp_path / "flow.npz"
    tff.distributions.save(flow, path)
    loaded = tff.distributions.load(path)
    same_map(flow, loaded)
    assert loaded.batch_shape == flow.batch_shape
    assert loaded.dtype == flow.dtype
    assert len(loaded.trainable_variables) == len(flow.trainable_variables)


@pytest.mark.slow
@pytest.mark.parametrize("build", [tff.planar_flow, tff.radial_flow, tff.sylvester_flow])
@pytest.mark.parametrize("batch_shape", [(), (3,)])
def test_round_trip_with_an_affine_map(tmp_path, build, batch_shape):
    flow = build(3, 4, seed=0, affine=True, batch_shape=batch_shape)
    for index, variable in enumerate(flow.trainable_variables):
        noise = tf.random.stateless_normal(variable.shape, (0, index))
        variable.assign_add(0.2 * noise)
    tff.distributions.save(flow, tmp_path / "flow.npz")
    loaded = tff.distributions.load(tmp_path / "flow.npz")
    x = tf.random.stateless_normal([5, *batch_shape, 3], (1, 2))
    np.testing.assert_array_equal(loaded.log_prob(x), flow.log_prob(x))
    pairs = zip(loaded.trainable_variables, flow.trainable_variables, strict=True)
    for actual, expected in pairs:
        np.testing.assert_array_equal(actual, expected)


def around(flow, case):
    """A flow with something of TFP's around it."""
    layers = flow.bijector
    shift = tfb.Shift(tf.Variable([1.0, 0.0, -1.0]))
    scale = tfb.Scale([2.0, 1.0, 0.5])
    bijector = {
        "inverted": lambda: tfb.Invert(layers),
        "after": lambda: tfb.Chain([shift, scale, layers]),
        "before": lambda: tfb.Chain([layers, shift, scale]),
        "inverted, and after": lambda: tfb.Chain([shift, scale, tfb.Invert(layers)]),
        "after, and inverted": lambda: tfb.Invert(tfb.Chain([scale, layers])),
        "matrices": lambda: tfb.Chain(
            [
                tfb.ScaleMatvecTriL(2.0 * tf.eye(3)),
                layers,
                tfb.ScaleMatvecDiag([1, 2, 3.0]),
            ]
        ),
    }[case]()
    return tfd.TransformedDistribution(flow.distribution, bijector)


@pytest.mark.parametrize(
    ("case", "fused", "affine"),
    [
        ("inverted", True, False),
        ("after", True, False),
        # Chains within chains.
        ("inverted", False, True),
        ("after", False, True),
        ("before", False, True),
        ("inverted, and after", False, True),
        ("after, and inverted", False, True),
        ("matrices", False, True),
    ],
)
def test_what_is_around_the_layers(tmp_path, case, fused, affine):
    flow = tff.planar_flow(3, 2, seed=0, fused=fused, affine=affine, init_scale=1.0)
    for index, variable in enumerate(flow.trainable_variables):
        variable.assign_add(0.2 * tf.random.stateless_normal(variable.shape, (0, index)))
    flow = around(flow, case)
    tff.distributions.save(flow, tmp_path / "flow.npz")
    loaded = tff.distributions.load(tmp_path / "flow.npz")
    x = flow.sample(20, seed=(1, 2))
    # Chains of chains may add up log-dets in another order.
    np.testing.assert_allclose(loaded.log_prob(x), flow.log_prob(x), rtol=1e-5)
    np.testing.assert_allclose(loaded.sample(20, seed=(1, 2)), x, rtol=1e-5, atol=1e-6)
    ours, theirs = loaded.trainable_variables, flow.trainable_variables
    assert sorted(v.numpy().sum() for v in ours) == sorted(
        v.numpy().sum() for v in theirs
    )


@pytest.mark.parametrize(
    "base",
    [
        tfd.MultivariateNormalDiag(tf.Variable([1.0, 0.0]), [1.0, 2.0]),
        tfd.MultivariateNormalTriL([1.0, 0.0], [[1.0, 0.0], [0.5, 2.0]]),
        tfd.Sample(tfd.Normal(0.5, 2.0), 2),
        tfd.Independent(tfd.Normal([0.5, 1.0], 2.0), 1),
    ],
    ids=lambda base: type(base).__name__,
)
def test_bases(tmp_path, base):
    flow = tff.radial_flow(2, 2, seed=0, base=base)
    tff.distributions.save(flow, tmp_path / "flow.npz")
    loaded = tff.distributions.load(tmp_path / "flow.npz")
    assert type(loaded.distribution) is type(base)
    x = flow.sample(20, seed=(1, 2))
    np.testing.assert_array_equal(loaded.log_prob(x), flow.log_prob(x))
    assert len(loaded.trainable_variables) == len(flow.trainable_variables)
    assert loaded.rebuild(seed=1).distribution is loaded.distribution


def test_refuses_constrained_variables_around_the_layers(tmp_path):
    flow = tff.planar_flow(2, 2, seed=0)
    scale = tfp.util.TransformedVariable([1.0, 2.0], tfb.Exp())
    bijector = tfb.Chain([tfb.Scale(scale), flow.bijector])
    other = tfd.TransformedDistribution(flow.distribution, bijector)
    with pytest.raises(ValueError, match=r"only constants and tf.Variables.*`scale` is"):
        tff.distributions.save(other, tmp_path / "flow.npz")


def test_refuses_triangular_layers_that_do_not_take_turns(tmp_path):
    flow = tff.sylvester_flow(2, 2, form="triangular", seed=0, fused=False)
    chain = tfp.bijectors.Chain([flow.bijector.bijectors[0]] * 2)
    flow = tfd.TransformedDistribution(flow.distribution, chain)
    with pytest.raises(ValueError, match=r"tf\.train\.Checkpoint"):
        tff.distributions.save(flow, tmp_path / "flow.npz")


def test_flow_of_constants(tmp_path):
    base = tff.radial_flow(2, 2, seed=0).distribution
    stack = tff.bijectors.RadialStack(
        np.ones([2, 2], "f"), np.full([2], 0.7, "f"), [0.0, 1.0]
    )
    flow = tfd.TransformedDistribution(base, stack)
    tff.distributions.save(flow, tmp_path / "flow.npz")
    loaded = tff.distributions.load(tmp_path / "flow.npz")
    np.testing.assert_allclose(loaded.bijector.alpha, 0.7, rtol=1e-6)
    z = base.sample(20, seed=(1, 2))
    np.testing.assert_allclose(
        flow.bijector.forward(z), loaded.bijector.forward(z), rtol=1e-5, atol=1e-6
    )


def test_bfloat16(tmp_path):
    normal = tfd.MultivariateNormalDiag(tf.zeros(2, tf.bfloat16), tf.ones(2, tf.bfloat16))
    for base in (None, normal):
        flow = tff.planar_flow(2, 2, seed=0, dtype=tf.bfloat16, base=base)
        tff.distributions.save(flow, tmp_path / "flow.npz")
        loaded = tff.distributions.load(tmp_path / "flow.npz")
        assert loaded.dtype == tf.bfloat16
        for a, b in zip(loaded.variables, flow.variables, strict=True):
            np.testing.assert_array_equal(a, b)


def test_replaces_a_file_whole(tmp_path):
    path = tmp_path / "flow.npz"
    tff.distributions.save(tff.planar_flow(2, 3, seed=0), path)
    second = tff.planar_flow(2, 5, seed=1)
    tff.distributions.save(second, path)
    same_map(second, tff.distributions.load(path))
    assert [p.name for p in tmp_path.iterdir()] == ["flow.npz"]


def test_is_plain_data(tmp_path):
    path = tmp_path / "flow.npz"
    tff.distributions.save(tff.planar_flow(2, 3, seed=0), path)
    with np.load(path, allow_pickle=False) as archive:
        assert set(archive) == {"u", "w", "b", "metadata"}
        assert archive["u"].shape == (3, 2)
        metadata = json.loads(str(archive["metadata"]))
    assert metadata["kind"] == "planar"
    assert metadata["num_layers"] == 3


@pytest.mark.parametrize(
    "flow",
    [
        tfd.MultivariateNormalDiag([0.0], [1.0]),
        tfd.TransformedDistribution(
            tfd.MultivariateNormalDiag([0.0], [1.0]), tfp.bijectors.Exp()
        ),
        tff.planar_flow(2, 2, seed=0, base=tfd.Sample(tfd.Laplace(0.0, 2.0), 2)),
        tfd.TransformedDistribution(
            tff.planar_flow(2, 2, seed=0).distribution,
            tfb.Chain([tfb.Exp(), tff.planar_flow(2, 2, seed=0).bijector]),
        ),
    ],
)
def test_refuses_what_it_cannot_restore(tmp_path, flow):
    with pytest.raises(ValueError, match=r"tf\.train\.Checkpoint"):
        tff.distributions.save(flow, tmp_path / "flow.npz")
    assert list(tmp_path.iterdir()) == []


def test_files_that_tell_triangular_layers_by_their_kind(tmp_path):
    layers = {name: np.ones([2, 1, 1], "f") for name in ("r", "r2")}
    metadata = dict(
        format="tfp_flows/flow",
        version=1,
        kind="sylvester-triangular",
        fused=False,
        event_size=1,
        num_layers=2,
        batch_shape=[],
        dtype="float32",
    )
    layers |= dict(b=np.ones([2, 1], "f"), metadata=np.array(json.dumps(metadata)))
    np.savez(tmp_path / "flow.npz", **layers)
    first, second = tff.distributions.load(tmp_path / "flow.npz").bijector.bijectors[::-1]
    assert (first.reverse, second.reverse) == (False, True)
    np.testing.assert_array_equal(first.r, [[1.0]])
