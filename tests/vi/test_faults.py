"""Steps that are not finite: skipped, then rolled back, then a clear error."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff

ARGUMENTS = dict(
    num_steps=400,
    sample_size=64,
    seed=1,
    annealing_fn=None,
    progress_bar=False,
    jit_compile=False,
)


def normal(x):
    """An unnormalized N((1, -2), I), far from the start of a flow."""
    return -0.5 * tf.reduce_sum(tf.square(x - [1.0, -2.0]), axis=-1)


def nan_where(condition):
    """`normal`, but NaN at the samples that meet `condition`."""
    return lambda x: tf.where(condition(x), tf.constant(np.nan, x.dtype), normal(x))


def fit(target, flow=None, **arguments):
    flow = flow or tff.planar_flow(2, 4, seed=0)
    optimizer = keras.optimizers.Adam(arguments.pop("learning_rate", 1e-2))
    return tff.vi.fit_reverse_kl(
        flow, target, optimizer=optimizer, **(ARGUMENTS | arguments)
    )


def values(flow):
    return [v.numpy() for v in flow.trainable_variables]


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_single_bad_samples_are_skipped_and_counted(jit_compile):
    # One sample in a few thousand is beyond 3.5 from the mean.
    target = nan_where(lambda x: tf.norm(x - [1.0, -2.0], axis=-1) > 3.6)
    # The base is the target, so that only its far samples are bad.
    base = tfp.distributions.MultivariateNormalDiag([1.0, -2.0], [1.0, 1.0])
    flow = tff.planar_flow(2, 4, seed=0, base=base, init_scale=0.0)
    result = fit(target, flow, jit_compile=jit_compile)
    bad = ~np.isfinite(result.loss)
    assert 0 < np.sum(bad) < 200
    assert result.num_skipped_steps == np.sum(bad)
    assert result.num_rollbacks == 0
    assert result.num_steps_done == 400
    assert np.isfinite(result.final_loss)
    assert all(np.all(np.isfinite(v)) for v in values(flow))
    assert f"{np.sum(bad)} steps skipped" in str(result)


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_lasting_faults_end_in_an_error_with_the_best_flow(jit_compile):
    # NaN as soon as the flow's mean is half-way to the target's.
    target = nan_where(lambda x: tf.reduce_mean(x[..., 1]) < -1.0)
    flow = tff.planar_flow(2, 4, seed=0)
    start = tff.planar_flow(2, 4, seed=0)
    with pytest.raises(tff.vi.FitError) as caught:
        fit(target, flow, num_steps=3000, jit_compile=jit_compile)
    message = str(caught.value)
    for part in ("at step", "4th time", "0.125", "worst sample", "[", "nan", "lower the"):
        assert part in message, part
    result = caught.value.result
    assert result.flow is flow
    assert result.num_rollbacks == 4
    assert result.num_skipped_steps >= 40
    assert 50 < result.num_steps_done < 3000
    assert all(np.all(np.isfinite(v)) for v in values(flow))
    judged = [
        tff.diagnostics.evaluate(f, normal, seed=3, num_samples=10_000).elbo
        for f in (flow, start)
    ]
    assert judged[0] > judged[1] + 0.1


def test_rolling_back_can_save_a_fit():
    # NaN for a while, as a target of a flaky computation is: 15 evaluations in a row.
    calls = tf.Variable(0)

    def flaky(x):
        calls.assign_add(1)
        is_bad = (calls > 100) & (calls <= 115)
        return tf.where(is_bad, tf.constant(np.nan), normal(x))

    result = fit(flaky)
    assert result.num_rollbacks == 1
    assert result.num_skipped_steps == 15
    assert result.num_steps_done == 400
    assert result.final_loss < result.loss[0] - 0.5


def test_members_of_a_batch_fail_alone():
    def target(x):
        bad = tf.constant([False, True, False]) & (tf.reduce_mean(x[..., 1], 0) < -1.0)
        return tf.where(bad, tf.constant(np.nan), normal(x))

    flow = tff.planar_flow(2, 4, seed=0, batch_shape=(3,))
    result = fit(target, flow, num_steps=1500)
    assert result.num_steps_done == 1500
    np.testing.assert_array_equal(result.num_skipped_steps > 0, [False, True, False])
    assert np.all(result.loss[-50:, [0, 2]].mean(axis=0) < result.loss[0, [0, 2]] - 1.0)
    assert all(np.all(np.isfinite(v)) for v in values(flow))


def test_restarts_do_without_the_members_that_fail():
    def target(x):
        bad = tf.reduce_mean(x[..., 0], axis=0) > 0.5
        bad &= tf.range(tf.shape(bad)[0]) == 0 if bad.shape.rank else False
        return tf.where(bad, tf.constant(np.nan), normal(x))

    result = tff.vi.fit_restarts(
        functools.partial(tff.planar_flow, 2, 4), target, num_restarts=3, **ARGUMENTS
    )
    assert np.isfinite(np.nanmin(result.restart_losses))


def test_a_target_that_is_infinite_somewhere_is_refused_at_once():
    target = nan_where(lambda x: x[..., 0] > 0.0)
    with pytest.raises(ValueError, match=r"NaN or .inf"):
        fit(target)
    with pytest.raises(ValueError, match="-inf at"):
        fit(lambda x: tf.where(x[..., 0] > 0.0, -np.inf, normal(x)))
