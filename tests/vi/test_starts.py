"""Starts that compete: who goes on, what the copies share, what the result says."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff
from tfp_flows.vi.starts import Starts, build_starts, resolve_num_starts

ARGUMENTS = dict(
    num_steps=40, sample_size=64, seed=1, progress_bar=False, jit_compile=False
)


def target(x):
    return -0.5 * tf.reduce_sum((x - 1.0) ** 2, axis=-1)


def fit(flow=None, target=target, **arguments):
    flow = flow or tff.planar_flow(2, 2, seed=0)
    return tff.vi.fit_reverse_kl(flow, target, **(ARGUMENTS | arguments))


def without_rebuild(flow):
    """The same flow, as users put it together."""
    return tfp.distributions.TransformedDistribution(flow.distribution, flow.bijector)


def values(flow):
    return [v.numpy() for v in flow.trainable_variables]


def assert_same(first, second):
    for trace in ("loss", "beta", "gradient_norm"):
        np.testing.assert_array_equal(getattr(first, trace), getattr(second, trace))
    for a, b in zip(values(first.flow), values(second.flow), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def of_eight():
    """A fit that others are compared with."""
    return fit(num_starts=8)


def test_the_default_is_eight_starts_where_they_are_possible():
    flow = tff.planar_flow(2, 2, seed=0)
    sizes = {512: 8, 511: 1, 504: 4, 256: 4, 128: 2, 127: 1, 100: 1}
    found = {size: resolve_num_starts(None, flow, size, True) for size in sizes}
    assert found == sizes
    assert resolve_num_starts(None, flow, 512, has_default_optimizer=False) == 1
    assert resolve_num_starts(None, without_rebuild(flow), 512, True) == 1


def test_an_optimizer_of_ones_own_has_one_start(eagerly):
    optimizer = tff.vi.default_optimizer(1)
    result = fit(num_steps=1, sample_size=512, optimizer=optimizer)
    assert result.settings["num_starts"] == 1


@pytest.mark.parametrize(
    "build",
    [
        tff.planar_flow,
        pytest.param(tff.radial_flow, marks=pytest.mark.slow),
        pytest.param(tff.sylvester_flow, marks=pytest.mark.slow),
    ],
)
def test_trains_the_flow_that_it_was_given(build):
    flow = build(2, 2, seed=0)
    result = fit(flow, num_starts=4, num_steps=100)
    assert result.flow is flow
    assert flow.batch_shape == ()
    assert result.loss.shape == result.gradient_norm.shape == (100,)
    assert result.loss[-10:].mean() < result.loss[0] - 0.3
    judged = tff.diagnostics.evaluate(flow, target, num_samples=5_000, seed=2)
    assert -judged.elbo == pytest.approx(result.final_loss, abs=0.2)
    assert "best of 4" in str(result)


def test_the_first_start_is_the_flow_as_given(eagerly):
    # It fits already, and nothing moves: none of the others can beat it.
    flow = tff.planar_flow(2, 2, seed=0, init_scale=0.0)
    flow.rebuild.keywords["init_scale"] = 1.0
    start = values(flow)
    result = fit(
        flow,
        lambda x: -0.5 * tf.reduce_sum(x**2, axis=-1),
        num_starts=8,
        num_steps=8,
        optimizer=keras.optimizers.SGD(0.0),
    )
    for a, b in zip(start, values(flow), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(result.loss, -np.log(2.0 * np.pi), atol=1e-5)


@pytest.fixture
def starts_of(monkeypatch):
    """A list of the starts of a fit and, as it ends, their values."""
    seen = []
    close = Starts.close

    def close_and_note(self):
        seen.extend(v.numpy() for v in self._run.variables)
        close(self)

    monkeypatch.setattr(Starts, "close", close_and_note)
    return seen


def test_the_better_half_goes_on(starts_of):
    # Nothing moves, so that the losses of the eight starts are known.
    flow = tff.planar_flow(2, 2, seed=0)
    flow.rebuild.keywords["init_scale"] = 1.0
    starts = build_starts(flow, 8, tf.constant([0, 1]))
    initial = values(starts)
    fit(
        flow,
        num_starts=8,
        optimizer=keras.optimizers.SGD(0.0),
        seed=[0, 1],
        sample_size=1024,
    )
    x, log_q = starts.experimental_sample_and_log_prob(20_000, seed=3)
    losses = np.mean(log_q - target(x), axis=0)
    best = int(np.argmin(losses))
    for value, last, variable in zip(
        initial, starts_of, flow.trainable_variables, strict=True
    ):
        np.testing.assert_array_equal(value[best], variable)
        np.testing.assert_array_equal(last, np.broadcast_to(value[best], last.shape))


def test_copies_remain_one_flow(starts_of):
    fit(num_starts=8)
    assert starts_of[0].shape[0] == 8
    for members in starts_of:
        np.testing.assert_allclose(members - members[:1], 0.0, atol=1e-5)


def test_same_numbers_in_calls_of_any_length(of_eight):
    assert_same(fit(num_starts=8, steps_per_execution=7), of_eight)


def test_batches_of_flows_choose_member_by_member():
    flow = tff.planar_flow(2, 2, seed=0, batch_shape=(3,))
    result = fit(flow, num_starts=4, num_steps=100)
    assert result.loss.shape == (100, 3)
    assert np.all(result.loss[-10:].mean(axis=0) < result.loss[0] - 0.3)
    assert np.unique(result.final_loss).size == 3


def test_targets_see_samples_without_an_axis_of_starts(eagerly):
    ranks = []

    def narrow(x):
        ranks.append(x.shape.rank)
        return -tf.linalg.norm(tf.linalg.matmul(x, tf.eye(2)), axis=1)

    fit(target=narrow, num_starts=8, num_steps=1)
    assert set(ranks) == {2}


def test_resumes_between_rounds(of_eight, tmp_path, monkeypatch):
    settings = dict(num_starts=8, checkpoint_dir=tmp_path, checkpoint_steps=10)
    save, count = tff.training.Checkpoint.save, []

    def save_and_die(self, *args):
        save(self, *args)
        count.append(1)
        if len(count) == 2:  # at step 20, between the first round and the second
            raise KeyboardInterrupt

    flow = tff.planar_flow(2, 2, seed=0)
    before = values(flow)
    with monkeypatch.context() as context:
        context.setattr(tff.training.Checkpoint, "save", save_and_die)
        with pytest.raises(KeyboardInterrupt):
            fit(flow, **settings)
    # What was reached is in the flow.
    assert not np.array_equal(before[0], values(flow)[0])
    assert_same(fit(tff.planar_flow(2, 2, seed=7), **settings), of_eight)


def test_a_start_that_fails_loses():
    # NaN for the samples of the first start, of 8 in turn, in most of the first stage.
    calls = tf.Variable(0)

    def flaky(x):
        if x.shape[0] != 64:
            return target(x)
        calls.assign_add(1)
        is_first = tf.range(64) % 8 == 0
        is_bad = is_first & (calls > 5) & (calls < 35)
        return tf.where(is_bad, tf.constant(np.nan), target(x))

    result = fit(target=flaky, num_starts=8, num_steps=80)
    assert np.isfinite(result.final_loss)
    assert np.all(np.isfinite(result.loss))
    assert result.num_skipped_steps == 0
    assert result.num_steps_done == 80


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(num_starts=3), "num_starts=3"),
        (dict(num_starts=8, sample_size=60), "divide `sample_size`"),
        (dict(num_starts=0), "num_starts"),
        (
            dict(num_starts=8, flow=without_rebuild(tff.planar_flow(2, 4, seed=0))),
            "cannot be started anew",
        ),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        fit(**arguments)
