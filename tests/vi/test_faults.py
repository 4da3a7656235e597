"""Steps that are not finite: skipped, then rolled back, then a clear error."""

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


def build(*, seed=None, batch_shape=(), mean=(0.0, 0.0)):
    """A flow of little to trace: a normal with a variable mean."""
    del seed
    mean = tf.Variable(np.broadcast_to(np.float32(mean), [*batch_shape, 2]))
    return tfp.distributions.MultivariateNormalDiag(mean, [1.0, 1.0])


def normal(x):
    """An unnormalized N((1, -2), I), far from the start of a flow."""
    return -0.5 * tf.reduce_sum(tf.square(x - [1.0, -2.0]), axis=-1)


def nan_where(condition):
    """`normal`, but NaN at the samples that meet `condition`, and so its gradient."""
    return lambda x: normal(x) * tf.where(condition(x), np.nan, 1.0)


def fit(target, flow=None, **arguments):
    flow = flow or build()
    return tff.vi.fit_reverse_kl(
        flow,
        target,
        optimizer=keras.optimizers.Adam(1e-2),
        **(ARGUMENTS | arguments),
    )


def test_single_bad_samples_are_skipped_and_counted():
    # One sample in 600 is beyond 3.6 from the mean. The flow is the target, so that only
    # its far samples are bad.
    target = nan_where(lambda x: tf.norm(x - [1.0, -2.0], axis=-1) > 3.6)
    flow = build(mean=(1.0, -2.0))
    result = fit(target, flow, num_steps=100)
    bad = ~np.isfinite(result.loss)
    assert 0 < np.sum(bad) < 50
    assert result.num_skipped_steps == np.sum(bad)
    assert result.num_rollbacks == 0
    assert result.num_steps_done == 100
    assert np.isfinite(result.final_loss)
    assert np.all(np.isfinite(flow.loc))
    assert f"{np.sum(bad)} steps skipped" in str(result)


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_lasting_faults_end_in_an_error_with_the_best_flow(jit_compile):
    # NaN as soon as the flow's mean is half-way to the target's.
    target = nan_where(lambda x: tf.reduce_mean(x[..., 1]) < -1.0)
    flow = build()
    with pytest.raises(tff.vi.FitError) as caught:
        fit(target, flow, num_steps=2000, jit_compile=jit_compile)
    message = str(caught.value)
    for part in ("at step", "4th time", "0.125", "worst sample", "[", "nan", "lower the"):
        assert part in message, part
    result = caught.value.result
    assert result.flow is flow
    assert result.num_rollbacks == 4
    assert result.num_skipped_steps >= 40
    assert 50 < result.num_steps_done < 2000
    # The best is where the loss had been finite for long, and that is not the start.
    assert -1.2 < flow.loc[1] < -0.5


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

    flow = build(batch_shape=(3,))
    result = fit(target, flow, num_steps=600)
    assert result.num_steps_done == 600
    np.testing.assert_array_equal(result.num_skipped_steps > 0, [False, True, False])
    np.testing.assert_allclose(flow.loc[::2], [[1.0, -2.0]] * 2, atol=0.1)
    assert -1.2 < flow.loc[1, 1] < -0.5


def test_restarts_do_without_the_members_that_fail():
    # Two of three members fail, each with a loss that a plain minimum would take: one is
    # NaN in training, too; the ELBO of the other, at another place, is infinite at last.
    def target(x):
        if x.shape.rank == 2:  # of a single flow
            return normal(x)
        member, is_judged = tf.range(3), x.shape[0] > ARGUMENTS["sample_size"]
        is_far = tf.reduce_mean(x[..., 0], axis=0) > 0.5
        fails = (member == 0) & (is_far | is_judged)
        elsewhere = tf.where(member == 1, -1.0, 1.0)[:, tf.newaxis]
        log_prob = tf.where(fails, tf.constant(np.nan), normal(elsewhere * x))
        return tf.where((member == 1) & is_judged, np.inf, log_prob)

    result = tff.vi.fit_restarts(
        build,
        target,
        num_restarts=3,
        optimizer=keras.optimizers.Adam(1e-2),
        **ARGUMENTS,
    )
    np.testing.assert_array_equal(np.isfinite(result.restart_losses), [0, 0, 1])
    assert result.num_skipped_steps == 0  # of the best
    assert np.all(np.isfinite(result.loss))
    np.testing.assert_allclose(result.flow.loc, [1.0, -2.0], atol=0.2)


def test_a_target_that_is_infinite_somewhere_is_refused_at_once():
    target = nan_where(lambda x: x[..., 0] > 0.0)
    with pytest.raises(ValueError, match=r"NaN or .inf"):
        fit(target)
    with pytest.raises(ValueError, match="-inf at"):
        fit(lambda x: tf.where(x[..., 0] > 0.0, -np.inf, normal(x)))
