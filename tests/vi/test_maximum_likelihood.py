"""Maximum likelihood: exactness, held-out points, batches, faults, resuming."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff
from tfp_flows.vi.batches import ArrayBatches
from tfp_flows.vi.weighted_points import WeightedPoints

tfb, tfd = tfp.bijectors, tfp.distributions


def banana(num_points, seed=0):
    """Standardised points of a bent normal."""
    z = np.random.default_rng(seed).standard_normal([num_points, 2])
    x = np.stack([z[:, 0], z[:, 0] ** 2 + 0.4 * z[:, 1]], axis=-1)
    return (x - x.mean(axis=0)) / x.std(axis=0)


def inverted(flow):
    return tfd.TransformedDistribution(flow.distribution, tfb.Invert(flow.bijector))


def small_flow(seed):
    """In the direction whose log_prob is cheap."""
    return inverted(tff.planar_flow(2, 2, seed=seed))


def normal(dtype=tf.float32, size=2):
    return tfd.MultivariateNormalDiag(
        tf.Variable(tf.zeros([size], dtype), name="loc"),
        tfp.util.TransformedVariable(tf.ones([size], dtype), tfb.Exp(), name="scale"),
    )


def fit(flow, data, **arguments):
    # Without XLA, whose compile time would dominate; a few tests ask for it.
    defaults = dict(
        num_steps=60, evaluation_steps=10, seed=1, progress_bar=False, jit_compile=False
    )
    return tff.vi.fit_maximum_likelihood(flow, data, **(defaults | arguments))


def values(flow):
    return [np.array(v) for v in flow.trainable_variables]


def assert_same(first, second):
    for trace in ("loss", "gradient_norm", "validation_loss", "validation_steps"):
        np.testing.assert_array_equal(getattr(first, trace), getattr(second, trace))
    for a, b in zip(values(first.flow), values(second.flow), strict=True):
        np.testing.assert_array_equal(a, b)


def test_lowers_the_nll_of_new_points():
    flow = tff.planar_flow(2, 4, seed=0)
    new = banana(2_000, seed=1).astype(np.float32)
    before = -np.mean(flow.log_prob(new))
    result = fit(flow, banana(1_000), num_steps=100, batch_size=100)
    after = -np.mean(flow.log_prob(tf.identity(new)))
    assert result.flow is flow
    assert after < before - 0.15
    assert result.best_validation_loss == pytest.approx(after, abs=0.2)


def test_a_normal_is_fitted_by_mean_and_standard_deviation():
    # The maximum of the likelihood in closed form.
    x = np.random.default_rng(3).normal([3.0, -2.0], [0.5, 4.0], [500, 2])
    flow = normal(tf.float64)
    optimizer = tff.vi.default_optimizer(600, learning_rate=0.1)
    result = fit(
        flow, x, num_steps=600, batch_size=500, validation_split=0, optimizer=optimizer
    )
    np.testing.assert_allclose(flow.mean(), x.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(flow.stddev(), x.std(axis=0), rtol=1e-5)
    entropy = np.sum(np.log(x.std(axis=0))) + np.log(2.0 * np.pi * np.e)
    assert result.final_loss == pytest.approx(entropy, abs=1e-4)


@pytest.mark.parametrize("turn", [lambda flow: flow, inverted], ids=["as-is", "inverted"])
def test_a_step_is_that_of_the_mean_nll(turn, eagerly):
    x = banana(50)
    flow = turn(tff.planar_flow(2, 3, seed=0, dtype=tf.float64))
    with tf.GradientTape() as tape:
        nll = -tf.reduce_mean(flow.log_prob(x))
    gradients = tape.gradient(nll, flow.trainable_variables)
    expected = [v - 0.125 * g for v, g in zip(values(flow), gradients, strict=True)]
    result = fit(
        flow,
        x,
        num_steps=1,
        batch_size=50,
        validation_split=0.0,
        optimizer=keras.optimizers.SGD(0.125),
        clip_norm=None,
    )
    assert result.loss[0] == pytest.approx(float(nll), rel=1e-12)
    assert result.gradient_norm[0] == pytest.approx(
        float(tf.linalg.global_norm(gradients)), rel=1e-10
    )
    for actual, wanted in zip(values(flow), expected, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-10, atol=1e-12)


def test_epochs_are_without_replacement_and_in_new_orders():
    points = WeightedPoints(np.arange(23.0, dtype=np.float32))
    batches = ArrayBatches(points, 5, tf.constant([3, 4]))
    seen = []
    batches.feed(0, 8)
    for step in range(8):
        x, weights, size = batches.batch(tf.constant(step))
        assert (weights, size) == (None, 5)
        seen.append(x.numpy())
    for epoch in (seen[:4], seen[4:]):
        assert len(np.unique(np.concatenate(epoch))) == 20
    assert not np.array_equal(seen[0], seen[4])
    # The same from the middle, as a resumed fit starts.
    again = ArrayBatches(points, 5, tf.constant([3, 4]))
    again.feed(6, 8)
    np.testing.assert_array_equal(again.batch(tf.constant(7)).points, seen[7])
    other = ArrayBatches(points, 5, tf.constant([3, 5]))
    other.feed(0, 1)
    assert not np.array_equal(other.batch(tf.constant(0)).points, seen[0])


def test_a_point_of_weight_n_counts_as_n_points():
    x, weights = banana(6), np.array([2, 0, 1, 1, 3, 1])
    flow, repeated = normal(tf.float64), np.repeat(x, weights, axis=0)
    objectives = [
        # Of any scale.
        tff.vi.NegativeLogLikelihood(
            x,
            sample_weight=1e307 * weights,
            validation_data=x,
            validation_sample_weight=weights[:, np.newaxis],
        ),
        tff.vi.NegativeLogLikelihood(repeated, validation_data=repeated),
    ]
    found = []
    for objective in objectives:
        bound = objective.bind(flow, seed=tf.constant([0, 1]))
        bound.feed(0, 1)
        with tf.GradientTape() as tape:
            total, loss, _ = bound(tf.constant(0))
        gradients = tape.gradient(total, flow.trainable_variables)
        found.append([loss, bound.held_out_loss(), *gradients])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_importance_weights_recover_the_density():
    # In batches, and in a split of the points, from draws of a wider normal.
    x = np.random.default_rng(0).normal(0.0, 2.0, [4_000])
    weights = np.exp(-0.5 * (x - 1.0) ** 2 / 0.25 + 0.5 * x**2 / 4.0)
    flow = tfd.Normal(tf.Variable(0.0), tfp.util.TransformedVariable(1.0, tfb.Exp()))
    optimizer = tff.vi.default_optimizer(200, learning_rate=0.1)
    arguments = dict(num_steps=200, batch_size=500, optimizer=optimizer)
    result = fit(flow, x, sample_weight=weights, **arguments)
    assert float(flow.mean()) == pytest.approx(1.0, abs=0.05)
    assert float(flow.stddev()) == pytest.approx(0.5, abs=0.05)
    entropy = 0.5 * np.log(2.0 * np.pi * np.e * 0.25)
    assert result.final_loss == pytest.approx(entropy, abs=0.1)
    assert result.best_validation_loss == pytest.approx(entropy, abs=0.1)


@pytest.fixture(scope="module")
def reference():
    """A fit that others are compared with."""
    return fit(normal(), banana(200))


def test_same_seed_same_numbers(reference):
    assert_same(fit(normal(), banana(200), steps_per_execution=7), reference)
    other = fit(normal(), banana(200), seed=2)
    assert not np.array_equal(reference.loss, other.loss)


def test_xla_sees_the_same_batches(reference):
    result = fit(normal(), banana(200), jit_compile=True)
    np.testing.assert_allclose(result.loss, reference.loss, rtol=1e-3)


def test_traces_and_settings():
    result = fit(
        normal(), banana(300), num_steps=47, evaluation_steps=None, patience=None
    )
    assert result.num_steps_done == 47
    assert result.loss.shape == result.gradient_norm.shape == (47,)
    np.testing.assert_array_equal(result.beta, np.ones(47))
    np.testing.assert_array_equal(result.validation_steps, np.arange(48))
    assert result.validation_loss.shape == (48,)
    assert result.best_validation_loss == np.min(result.validation_loss)
    assert result.best_step == np.argmin(result.validation_loss)
    assert result.stop_reason == "num_steps"
    settings = result.settings
    assert (settings["num_points"], settings["num_validation_points"]) == (270, 30)
    assert (settings["batch_size"], settings["seed"]) == (256, [0, 1])
    assert isinstance(result, tff.vi.FitResult)
    assert "held out" in str(result)


def test_the_last_step_is_evaluated_too():
    result = fit(normal(), banana(100), num_steps=10, evaluation_steps=4)
    np.testing.assert_array_equal(result.validation_steps, [0, 4, 8, 10])


def test_early_stopping_restores_the_best_parameters():
    # A normal comes from afar and goes on to that of a few points alone.
    held_out = banana(200, seed=9)
    arguments = dict(validation_data=held_out, evaluation_steps=5)

    def fit_anew(**more):
        flow = normal()
        flow.loc.assign([3.0, -3.0])
        optimizer = keras.optimizers.Adam(0.05)
        return fit(flow, banana(10), optimizer=optimizer, **arguments, **more)

    result = fit_anew(num_steps=1_000, patience=3)
    assert result.stop_reason == "early_stopping"
    assert result.best_step > 0
    assert result.num_steps_done == result.best_step + 15 < 1_000
    assert "early_stopping" in str(result)
    assert np.all(result.validation_loss[-3:] >= result.best_validation_loss)
    nll = -np.mean(result.flow.log_prob(held_out.astype(np.float32)))
    assert nll == pytest.approx(result.best_validation_loss, rel=1e-5)
    assert nll == pytest.approx(np.min(result.validation_loss), rel=1e-5)
    patient = fit_anew(num_steps=result.num_steps_done + 20, patience=None)
    assert patient.stop_reason == "num_steps"
    assert patient.num_steps_done == result.num_steps_done + 20


def test_a_dataset_of_all_points_equals_an_array(eagerly):
    x = banana(64).astype(np.float32)
    arguments = dict(validation_data=banana(32, seed=1), num_steps=4)
    results = [
        fit(normal(), data, **arguments)
        for data in (x, tf.data.Dataset.from_tensor_slices(x).batch(64))
    ]
    np.testing.assert_allclose(results[0].loss, results[1].loss, rtol=1e-3)
    np.testing.assert_allclose(
        results[0].validation_loss, results[1].validation_loss, rtol=1e-3
    )


@pytest.mark.slow
def test_batches_of_a_dataset_in_order_over_and_over_under_xla():
    x, flow = banana(10).astype(np.float32), normal()
    dataset = tf.data.Dataset.from_tensor_slices(x).batch(4)
    still = keras.optimizers.SGD(0.0)
    result = fit(flow, dataset, optimizer=still, num_steps=7, jit_compile=True)
    log_prob = flow.log_prob(x).numpy()
    # The last batch has 2 points: their mean, not that of 4.
    parts = [-np.mean(log_prob[i : i + 4]) for i in (0, 4, 8)]
    np.testing.assert_allclose(result.loss, [*parts, *parts, parts[0]], rtol=1e-5)
    assert result.settings["num_points"] is None
    assert result.validation_loss is None
    assert result.best_step is None


def test_validation_by_a_dataset():
    x, held_out = banana(64), banana(33, seed=1).astype(np.float32)
    dataset = tf.data.Dataset.from_tensor_slices(held_out).batch(10)
    results = [
        fit(normal(), x, validation_data=v, num_steps=20) for v in (held_out, dataset)
    ]
    assert_same(*results)


def test_members_of_a_batch_train_as_if_alone(eagerly):
    flows = inverted(tff.planar_flow(2, 2, seed=0, batch_shape=(3,)))
    alone = small_flow(0)
    for variable, batch in zip(
        alone.trainable_variables, flows.trainable_variables, strict=True
    ):
        variable.assign(batch[1])
    arguments = dict(num_steps=2, evaluation_steps=1)
    together = fit(flows, banana(200), **arguments)
    single = fit(alone, banana(200), **arguments)
    assert together.loss.shape == (2, 3)
    assert together.validation_loss.shape == (3, 3)
    assert together.best_step.shape == (3,)
    np.testing.assert_allclose(together.loss[:, 1], single.loss, rtol=1e-3)
    np.testing.assert_allclose(
        together.validation_loss[:, 1], single.validation_loss, rtol=1e-3
    )
    for batch, variable in zip(
        flows.trainable_variables, alone.trainable_variables, strict=True
    ):
        np.testing.assert_allclose(batch[1], variable, rtol=1e-2, atol=1e-3)


def test_numbers_as_events():
    x = np.random.default_rng(0).normal(2.0, 3.0, [400])
    flow = tfd.Normal(tf.Variable(0.0), tfp.util.TransformedVariable(1.0, tfb.Exp()))
    fit(flow, x, optimizer=keras.optimizers.SGD(1.0), num_steps=100)
    assert float(flow.mean()) == pytest.approx(x.mean(), abs=0.2)


def test_tfp_masked_autoregressive_flow():
    # Its network has no variables before its first call.
    network = tfb.AutoregressiveNetwork(params=2, hidden_units=[8], activation="tanh")
    flow = tfd.TransformedDistribution(
        tfd.MultivariateNormalDiag(tf.zeros([2])), tfb.MaskedAutoregressiveFlow(network)
    )
    optimizer = keras.optimizers.Adam(0.02)
    result = fit(flow, banana(500), num_steps=60, optimizer=optimizer)
    assert result.best_validation_loss < result.validation_loss[0] - 0.2


def test_variables_that_tfp_does_not_see():
    shift = tf.Variable([0.0], name="shift")
    flow = tfd.TransformedDistribution(
        tfd.MultivariateNormalDiag(tf.zeros([2])),
        tfb.RealNVP(
            num_masked=1,
            shift_and_log_scale_fn=lambda x, units: (shift + 0.0 * x, None),
        ),
    )
    x = np.add(banana(300), [0.0, 1.0])
    with pytest.raises(ValueError, match="no trainable variables"):
        fit(flow, x)
    optimizer = keras.optimizers.Adam(0.1)
    fit(flow, x, trainable_variables=[shift], num_steps=50, optimizer=optimizer)
    assert float(shift[0]) == pytest.approx(1.0, abs=0.2)


class Brittle(tfd.Normal):
    """A normal whose density is NaN once its mean has passed 1."""

    def _log_prob(self, x):
        is_bad = tf.convert_to_tensor(self.loc) > 1.0
        return tf.where(is_bad, np.float32(np.nan), super()._log_prob(x))


@pytest.mark.parametrize("validation_split", [0.0, 0.2])
def test_lasting_faults_end_in_an_error_with_the_best_flow(validation_split):
    flow = Brittle(tf.Variable(0.0), 1.0)
    x = np.random.default_rng(0).normal(3.0, 1.0, [200])
    with pytest.raises(tff.vi.FitError) as caught:
        fit(
            flow,
            x,
            num_steps=1_000,
            validation_split=validation_split,
            patience=None,
            optimizer=keras.optimizers.Adam(0.015),
        )
    for part in ("at step", "4th time", "0.125", "point of that batch", "-inf", "lower"):
        assert part in str(caught.value), part
    result = caught.value.result
    assert result.stop_reason == "failure"
    assert result.num_rollbacks == 4
    assert result.num_skipped_steps >= 40
    assert 0.0 < float(flow.loc) <= 1.0


class DiedError(Exception):
    """What stands for the end of a process."""


def test_a_killed_fit_goes_on_to_the_same_numbers(tmp_path, monkeypatch):
    arguments = dict(evaluation_steps=7, patience=4, num_steps=80)
    undisturbed = fit(normal(), banana(150), **arguments)
    # The best parameters are those of a step before the interrupt.
    assert undisturbed.best_step < 22 < undisturbed.num_steps_done
    arguments.update(checkpoint_dir=tmp_path, checkpoint_steps=11)
    save, count = tff.training.Checkpoint.save, []

    def save_and_die(self, *args):
        save(self, *args)
        count.append(1)
        if len(count) == 2:
            raise DiedError

    with monkeypatch.context() as context:
        context.setattr(tff.training.Checkpoint, "save", save_and_die)
        with pytest.raises(DiedError):
            fit(normal(), banana(150), **arguments)
    other_start = normal()
    other_start.loc.assign([3.0, -3.0])
    resumed = fit(other_start, banana(150), **arguments)
    assert_same(resumed, undisturbed)
    assert resumed.best_step == undisturbed.best_step
    # Finished now: it returns at once, with the best parameters.
    assert_same(fit(normal(), banana(150), **arguments), resumed)
    with pytest.raises(ValueError, match="data_checksum"):
        fit(normal(), banana(150, seed=1), **arguments)
    with pytest.raises(ValueError, match="data_checksum"):
        fit(normal(), banana(150), sample_weight=np.arange(1.0, 151.0), **arguments)
