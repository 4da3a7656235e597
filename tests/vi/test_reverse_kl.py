"""Fits: results, reproducibility, inputs, faults."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

import tfp_flows as tff
from tfp_flows.training import TrainingState, build_run_steps

tfd = tfp.distributions


def shifted_normal(x):
    """An unnormalized N((1, -2), diag(0.25, 4)): log Z = log(2 pi)."""
    return -0.5 * ((x[..., 0] - 1.0) ** 2 / 0.25 + (x[..., 1] + 2.0) ** 2 / 4.0)


LOG_Z = float(np.log(2.0 * np.pi))


def normal(seed=0):
    """A flow of little to trace."""
    mean = tf.random.stateless_normal([2], [0, seed])
    scale = tfp.util.TransformedVariable([1.0, 1.0], tfp.bijectors.Exp())
    return tfd.MultivariateNormalDiag(tf.Variable(mean), scale)


def fit(flow=None, target=shifted_normal, **arguments):
    flow = flow or normal()
    # Without XLA, whose compile time would dominate; a few tests ask for it. But past
    # step 50, where the optimizer takes its first eigenbasis, only XLA repeats all bits.
    defaults = dict(
        num_steps=45, sample_size=32, seed=1, progress_bar=False, jit_compile=False
    )
    return tff.vi.fit_reverse_kl(flow, target, **(defaults | arguments))


@pytest.fixture(scope="module")
def reference():
    """A fit that others are compared with."""
    return fit()


@pytest.fixture(scope="module")
def compiled():
    """A fit of a planar flow, by XLA."""
    return fit(tff.planar_flow(2, 2, seed=5), num_steps=200, jit_compile=True)


def values(flow):
    return [np.array(v) for v in flow.trainable_variables]


def assert_same(first, second):
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_lowers_the_kl():
    flow = tff.planar_flow(2, 4, seed=0)
    before = tff.diagnostics.evaluate(flow, shifted_normal, num_samples=10_000, seed=2)
    result = fit(flow, num_steps=300, sample_size=64)
    after = tff.diagnostics.evaluate(flow, shifted_normal, num_samples=10_000, seed=2)
    assert result.flow is flow
    assert LOG_Z - after.elbo < 0.6
    assert LOG_Z - before.elbo > 1.0
    assert result.final_loss == pytest.approx(-after.elbo, abs=0.1)


def test_loss_is_the_negative_elbo_of_the_samples_of_a_step(eagerly):
    flow = tff.planar_flow(2, 3, seed=0)
    initial = tff.planar_flow(2, 3, seed=0)
    result = fit(flow, num_steps=1, sample_size=16)
    seed = tf.random.experimental.stateless_fold_in(tf.constant([0, 1]), 0)
    x, log_q = initial.experimental_sample_and_log_prob(16, seed=seed)
    expected = np.mean(log_q - shifted_normal(x))
    assert result.loss[0] == pytest.approx(expected, rel=1e-5)


def test_traces_and_settings():
    result = fit(tff.planar_flow(2, 2, seed=0), num_steps=103)
    assert result.num_steps_done == 103
    for trace in (result.loss, result.beta, result.gradient_norm):
        assert trace.shape == (103,)
        assert np.all(np.isfinite(trace))
    assert np.all(result.gradient_norm > 0.0)
    assert result.beta[0] == pytest.approx(0.01)
    assert result.beta[-1] == 1.0
    assert result.num_skipped_steps == 0
    assert result.num_rollbacks == 0
    assert result.settings["num_steps"] == 103
    assert result.settings["sample_size"] == 32
    assert result.settings["seed"] == [0, 1]
    assert result.seconds > 0.0
    assert "103 steps" in str(result)
    assert str(result).startswith("Fit of planar_stack over standard_normal\n")


def test_the_default_recipe():
    # Its parts; what they are good for is measured by `benchmarks.recipe`.
    result = fit(tff.planar_flow(2, 2, seed=0), num_steps=20, sample_size=512)
    settings = result.settings
    assert settings["optimizer"] == "EigenbasisAdam"
    schedule = settings["optimizer_config"]["learning_rate"]["config"]
    assert schedule["warmup_target"] == 0.04
    assert schedule["alpha"] == 0.0
    assert (schedule["warmup_steps"], schedule["decay_steps"]) == (1, 19)
    assert settings["num_starts"] == 8
    assert settings["clip_norm"] == 1.0
    assert settings["gradient_estimator"] == "reparameterized"
    np.testing.assert_allclose(result.beta[[0, 5, 10, 19]], [0.01, 0.505, 1.0, 1.0])


def test_same_seed_same_numbers(reference, capfd):
    second = fit()
    assert "step" not in capfd.readouterr().err
    assert_same(values(reference.flow), values(second.flow))
    np.testing.assert_array_equal(reference.loss, second.loss)
    other = fit(seed=2)
    assert not np.array_equal(reference.loss, other.loss)


def test_same_seed_same_numbers_under_xla(compiled):
    second = fit(tff.planar_flow(2, 2, seed=5), num_steps=200, jit_compile=True)
    assert_same(values(compiled.flow), values(second.flow))
    np.testing.assert_array_equal(compiled.loss, second.loss)


def test_progress_bar_changes_no_numbers(reference, capfd):
    loud = fit(progress_bar=True)
    assert "45/45" in capfd.readouterr().err
    assert_same(values(reference.flow), values(loud.flow))


def test_xla_and_graph_agree_roughly(compiled):
    # Other random numbers: never the same bits, but the same quality.
    graph = fit(tff.planar_flow(2, 2, seed=5), num_steps=200)
    losses = [np.mean(result.loss[-50:]) for result in (compiled, graph)]
    assert losses[0] == pytest.approx(losses[1], abs=0.1)
    assert losses[0] < compiled.loss[0] - 1.0


@pytest.mark.parametrize("module", [keras, tf_keras])
@pytest.mark.parametrize("name", ["Adam", "SGD"])
def test_optimizers_of_both_keras(module, name):
    optimizer = getattr(module.optimizers, name)(5e-2)
    result = fit(optimizer=optimizer, num_steps=30, annealing_fn=None)
    assert result.loss[-5:].mean() < result.loss[:5].mean() - 0.5
    assert result.settings["optimizer"] == name
    assert np.all(result.beta == 1.0)


def test_own_annealing():
    result = fit(annealing_fn=lambda step: 0.01 * tf.cast(step, tf.float32))
    np.testing.assert_allclose(result.beta, 0.01 * np.arange(45), rtol=1e-6)


def test_float64_and_chain(eagerly):
    flow = tff.planar_flow(2, 3, seed=0, dtype=tf.float64, fused=False)
    result = fit(flow, num_steps=1)
    assert result.loss.dtype == np.float64
    assert result.settings["dtype"] == "float64"


def test_batch_of_flows_is_fitted_member_by_member():
    flow = tff.planar_flow(2, 2, seed=0, batch_shape=(3,))
    result = fit(flow, num_steps=150)
    assert result.loss.shape == (150, 3)
    assert np.all(result.final_loss < result.loss[0] - 0.5)
    assert np.unique(result.final_loss).size == 3


def test_each_member_of_a_batch_is_clipped_by_its_own_norm(eagerly):
    # Plain gradient steps whose length is the clip: the members' differ only if the
    # norm is taken over all of them.
    flow = tff.planar_flow(2, 2, seed=0, batch_shape=(3,))
    before = values(flow)
    optimizer = keras.optimizers.SGD(1.0)
    result = fit(flow, optimizer=optimizer, num_steps=1, clip_norm=1e-3)
    assert result.gradient_norm.shape == (1, 3)
    assert np.all(result.gradient_norm > 1e-3)
    squares = [
        np.sum((new - old).reshape(3, -1).astype(np.float64) ** 2, axis=1)
        for new, old in zip(values(flow), before, strict=True)
    ]
    np.testing.assert_allclose(np.sqrt(np.sum(squares, axis=0)), 1e-3, rtol=1e-2)


def test_gradients_are_clipped_only_above_the_norm(eagerly):
    few = dict(num_steps=3)
    same = [fit(clip_norm=clip_norm, **few).loss for clip_norm in (None, 1e6)]
    np.testing.assert_array_equal(*same)
    other = fit(clip_norm=0.01, **few).loss
    assert not np.array_equal(other, same[0])


@pytest.mark.parametrize("steps", [1, 7])
def test_steps_per_execution_change_nothing(steps, reference):
    actual = fit(steps_per_execution=steps)
    np.testing.assert_array_equal(actual.loss, reference.loss)
    assert_same(values(actual.flow), values(reference.flow))


def test_seconds_are_accounted_for(compiled):
    assert compiled.compile_seconds > 0.0
    assert compiled.train_seconds > 0.0
    assert compiled.seconds >= compiled.compile_seconds + compiled.train_seconds


def test_any_reparameterised_distribution():
    result = fit(normal(), num_steps=1_000, sample_size=64)
    # The target is in the family: the ELBO reaches log Z, without variance.
    assert result.final_loss == pytest.approx(-LOG_Z, abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (dict(num_steps=0), ValueError, "num_steps.*at least 1.*0"),
        (dict(sample_size=-3), ValueError, "sample_size.*-3"),
        (dict(sample_size=2.5), ValueError, "sample_size.*2.5"),
        (dict(optimizer="adam"), TypeError, "keras.optimizers.Adam.*'adam'"),
        (dict(clip_norm=0.0), ValueError, "clip_norm.*positive.*0.0"),
        (dict(steps_per_execution=0), ValueError, "steps_per_execution.*0"),
        (dict(seed="one"), TypeError, "`seed` must be an int.*'one'"),
        (dict(target=lambda x: x), ValueError, r"shape \(32, 2\).*shape \(32,\)"),
        (dict(target=lambda x: tf.reduce_sum(x)), ValueError, r"returned shape \(\)"),
        (
            dict(target=lambda x: tf.cast(x[:, 0], tf.float64)),
            TypeError,
            "float64.*float32",
        ),
        (dict(target=lambda x: x[:, 0] * np.nan), ValueError, "NaN or .inf at 32 of 32"),
        (dict(target=lambda x: 1.0 / (0.0 * x[:, 0])), ValueError, "NaN or .inf"),
        (
            dict(target=lambda x: tf.where(x[:, 0] > 0, 0.0, -np.inf)),
            ValueError,
            "-inf at .* of 32",
        ),
        (
            dict(target=lambda x: x @ tf.eye(3)),
            ValueError,
            "first evaluation.*event_size",
        ),
        (dict(target=3.0), TypeError, "must be a function"),
    ],
)
def test_bad_input_fails_before_training(arguments, error, message):
    flow = tff.planar_flow(2, 2, seed=0)
    start = values(flow)
    with pytest.raises(error, match=message):
        fit(flow, **arguments)
    assert_same(start, values(flow))


def test_wrong_event_size():
    with pytest.raises(ValueError, match=r"event_size=2"):
        fit(tff.planar_flow(3, 2, seed=0), tff.targets.get("u1").unnormalized_log_prob)


def test_flow_without_variables():
    flow = tfd.MultivariateNormalDiag([0.0, 0.0], [1.0, 1.0])
    with pytest.raises(ValueError, match="no trainable variables"):
        fit(flow)


def test_flow_that_is_not_reparameterised():
    flow = tfd.MixtureSameFamily(
        tfd.Categorical(logits=tf.Variable([0.0, 0.0])),
        tfd.MultivariateNormalDiag(tf.Variable(tf.zeros([2, 2])), tf.ones([2])),
    )
    with pytest.raises(ValueError, match="not reparameterised"):
        fit(flow)


def test_variable_without_gradient_is_named():
    idle = tf.Variable(1.0, name="idle")
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.build([idle])
    run_steps = build_run_steps(
        lambda step: (tf.constant(1.0), tf.constant(1.0), tf.constant(1.0)),
        [idle],
        optimizer,
        clip_norm=None,
        batch_shape=tf.TensorShape([]),
        jit_compile=False,
    )
    state = TrainingState.initial([idle], tf.TensorShape([]), tf.float32)
    with pytest.raises(ValueError, match="No gradient reaches idle"):
        run_steps(
            tf.constant(0),
            tf.constant(1),
            state.rate,
            state.faults,
            state.best,
            (tf.zeros([1]),) * 3,
        )


def test_target_that_xla_cannot_compile():
    @tf.custom_gradient
    def target(x):
        values = tf.numpy_function(lambda v: -(v**2).sum(axis=-1), [x], x.dtype)
        return values, lambda upstream: -2.0 * x * upstream[:, tf.newaxis]

    with pytest.raises(RuntimeError, match="jit_compile=False"):
        fit(target=target, jit_compile=True)


def test_flows_of_structures_are_refused_with_a_way():
    split = tfp.distributions.TransformedDistribution(
        tff.planar_flow(3, 2, seed=0), tfp.bijectors.Split([1, 2])
    )
    matrix = tfp.distributions.TransformedDistribution(
        tff.planar_flow(4, 2, seed=0), tfp.bijectors.Reshape([2, 2], [4])
    )
    for flow in (split, matrix):
        with pytest.raises(ValueError, match=r"flow of vectors.*bijector\.forward\(x\)"):
            fit(flow, shifted_normal)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("annealing_fn", tf.constant(1.0)),
        ("annealing_fn", np.ones(2)),
        ("annealing_fn", "linear"),
        ("early_stopping", np.ones(2)),
        ("early_stopping", "yes"),
    ],
)
def test_arrays_and_names_are_no_functions_or_flags(name, value):
    with pytest.raises(TypeError, match=f"`{name}` must be"):
        fit(num_steps=2, **{name: value})
