"""Restarts: one program, independent members, the best returned."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff

ARGUMENTS = dict(
    num_steps=30, sample_size=32, seed=1, progress_bar=False, jit_compile=False
)


def target(x):
    return -0.5 * tf.reduce_sum((x - 1.0) ** 2, axis=-1)


def restarts(build=None, **arguments):
    build = build or functools.partial(tff.planar_flow, 2, 2)
    defaults = dict(num_restarts=3) | ARGUMENTS
    return tff.vi.fit_restarts(build, target, **(defaults | arguments))


@pytest.fixture(scope="module")
def planar():
    return restarts()


def check_best(result, num_variables):
    assert result.flow.batch_shape == ()
    assert result.restart_losses.shape == (3,)
    assert np.unique(result.restart_losses).size == 3
    assert result.loss.shape == (30,)
    assert result.gradient_norm.shape == (30,)
    assert result.num_skipped_steps == 0
    judged = tff.diagnostics.evaluate(result.flow, target, num_samples=20_000, seed=3)
    assert -judged.elbo == pytest.approx(np.min(result.restart_losses), abs=0.05)
    assert len(result.flow.trainable_variables) == num_variables
    assert "best of 3 restarts" in str(result)


def test_returns_the_best_as_a_single_trainable_flow(planar):
    check_best(planar, num_variables=3)


def test_of_chains_too():
    build = functools.partial(tff.radial_flow, 2, 2, fused=False)
    check_best(restarts(build), num_variables=6)


def test_same_seed_same_numbers(planar):
    again = restarts()
    np.testing.assert_array_equal(again.restart_losses, planar.restart_losses)
    np.testing.assert_array_equal(again.loss, planar.loss)
    other = restarts(seed=2)
    assert not np.any(np.isin(other.restart_losses, planar.restart_losses))


def test_the_best_flow_can_be_trained_further_and_saved(tmp_path):
    result = restarts(num_restarts=2)
    again = tff.vi.fit_reverse_kl(result.flow, target, **ARGUMENTS)
    assert again.flow is result.flow
    tff.distributions.save(result.flow, tmp_path / "flow.npz")


def test_members_train_as_if_alone():
    flows = tff.planar_flow(2, 2, seed=0, batch_shape=(3,))
    single = tff.planar_flow(2, 2, seed=0)
    for variable, batch in zip(
        single.trainable_variables, flows.trainable_variables, strict=True
    ):
        variable.assign(batch[1])
        # The last one has larger gradients, and is clipped more.
        batch.assign(tf.stack([batch[0], batch[1], 5.0 * batch[2]]))
    before = [v.numpy() for v in single.trainable_variables]
    settings = ARGUMENTS | dict(num_steps=100, sample_size=256, clip_norm=0.5)
    settings |= dict(num_starts=1, annealing_fn=None)
    fits = [
        tff.vi.fit_reverse_kl(f, target, optimizer=keras.optimizers.SGD(0.1), **settings)
        for f in (flows, single)
    ]
    assert not np.array_equal(before[0], single.trainable_variables[0])
    assert fits[1].final_loss < fits[1].loss[0] - 0.5
    assert fits[0].final_loss[1] == pytest.approx(fits[1].final_loss, abs=0.1)


def test_bad_builders_are_refused():
    with pytest.raises(TypeError, match=r"functools.partial\(tff.planar_flow"):
        restarts(tff.planar_flow(2, 4))
    with pytest.raises(ValueError, match=r"`build_flow_fn` failed .*argument 'seed'"):
        restarts(lambda: tff.planar_flow(2, 4))
    with pytest.raises(TypeError, match="`build_flow_fn` must return a"):
        restarts(lambda seed, batch_shape: None)
    with pytest.raises(ValueError, match=r"batch_shape=\(8,\).*like tff.planar_flow"):
        restarts(
            lambda seed, batch_shape: tff.planar_flow(2, 4, seed=seed), num_restarts=8
        )
    with pytest.raises(ValueError, match=r"num_restarts.*0"):
        restarts(num_restarts=0)


def test_a_folder_for_checkpoints_needs_a_seed():
    with pytest.raises(ValueError, match="`checkpoint_dir` needs a `seed`"):
        restarts(seed=None, checkpoint_dir="never")


def test_of_a_posterior_by_batches_of_its_rows():
    posterior = tff.density.RowwisePosterior(
        lambda z: -0.5 * tf.reduce_sum(z**2, axis=-1),
        lambda z, rows: -0.5 * tf.reduce_sum((z[:, tf.newaxis] - rows) ** 2, axis=-1),
        np.random.default_rng(0).normal(size=[40, 2]),
        event_size=2,
    )
    result = tff.vi.fit_restarts(
        functools.partial(tff.planar_flow, 2, 2),
        posterior,
        num_restarts=2,
        batch_size=10,
        **ARGUMENTS,
    )
    assert result.settings["batch_size"] == 10
    judged = tff.diagnostics.evaluate(result.flow, posterior, num_samples=5_000, seed=3)
    assert -judged.elbo == pytest.approx(np.min(result.restart_losses), rel=0.05)


def test_no_finite_fit_is_an_error():
    calls = []

    def breaks(x):
        # Finite for the check and the training, not for the judgement.
        calls.append(x.shape[0])
        return target(x) * (np.nan if x.shape[0] > 1000 else 1.0)

    with pytest.raises(ValueError, match="None of the 2 fits"):
        tff.vi.fit_restarts(
            functools.partial(tff.planar_flow, 2, 2), breaks, num_restarts=2, **ARGUMENTS
        )
    assert 32 in calls


def test_a_distribution_is_a_target():
    normal = tfp.distributions.MultivariateNormalDiag([1.0, 1.0])
    result = tff.vi.fit_restarts(
        functools.partial(tff.planar_flow, 2, 2),
        normal,
        num_restarts=2,
        num_steps=30,
        sample_size=32,
        seed=0,
        progress_bar=False,
        jit_compile=False,
    )
    # log Z is 0: the negative ELBO is the KL.
    assert np.all(result.restart_losses > 0.0)
    assert result.log_normalizer == 0.0
