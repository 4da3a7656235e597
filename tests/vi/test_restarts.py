"""Restarts: one program, independent members, the best returned."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from shortened import running_eagerly

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
    num_steps = result.num_steps_done
    assert result.loss.shape == result.gradient_norm.shape == (num_steps,)
    assert result.num_skipped_steps == 0
    judged = tff.diagnostics.evaluate(result.flow, target, num_samples=20_000, seed=3)
    assert -judged.elbo == pytest.approx(np.min(result.restart_losses), abs=0.05)
    assert len(result.flow.trainable_variables) == num_variables
    assert "best of 3 restarts" in str(result)


def test_returns_the_best_as_a_single_trainable_flow(planar, tmp_path):
    check_best(planar, num_variables=3)
    with running_eagerly():
        settings = ARGUMENTS | dict(num_steps=1)
        again = tff.vi.fit_reverse_kl(planar.flow, target, **settings)
    assert again.flow is planar.flow
    tff.distributions.save(planar.flow, tmp_path / "flow.npz")


def test_of_chains_too(eagerly):
    build = functools.partial(tff.radial_flow, 2, 2, fused=False)
    check_best(restarts(build, num_steps=3), num_variables=6)


def test_same_seed_same_numbers(planar):
    again = restarts()
    np.testing.assert_array_equal(again.restart_losses, planar.restart_losses)
    np.testing.assert_array_equal(again.loss, planar.loss)
    other = restarts(seed=2)
    assert not np.any(np.isin(other.restart_losses, planar.restart_losses))


def test_members_train_as_if_alone(eagerly):
    flows = tff.planar_flow(2, 2, seed=0, batch_shape=(3,))
    single = tff.planar_flow(2, 2, seed=0)
    for variable, batch in zip(
        single.trainable_variables, flows.trainable_variables, strict=True
    ):
        variable.assign(batch[1])
    before = [v.numpy() for v in single.trainable_variables]
    settings = ARGUMENTS | dict(num_steps=1, sample_size=20_000, clip_norm=5.5)
    settings |= dict(num_starts=1, annealing_fn=None)
    fits = [
        tff.vi.fit_reverse_kl(f, target, optimizer=keras.optimizers.SGD(0.1), **settings)
        for f in (flows, single)
    ]
    # It is clipped by its own norm, as the first would be by that of the batch.
    norms = fits[0].gradient_norm[0]
    assert norms[0] < 5.5 < norms[1] < np.linalg.norm(norms)
    for batch, variable, old in zip(
        flows.trainable_variables, single.trainable_variables, before, strict=True
    ):
        np.testing.assert_allclose(batch[1] - old, variable - old, atol=2e-2)


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


def test_of_a_posterior_by_batches_of_its_rows(eagerly):
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
        **(ARGUMENTS | dict(num_steps=5)),
    )
    assert result.settings["batch_size"] == 10
    judged = tff.diagnostics.evaluate(result.flow, posterior, num_samples=5_000, seed=3)
    assert -judged.elbo == pytest.approx(np.min(result.restart_losses), rel=0.05)


def test_no_finite_fit_is_an_error(eagerly):
    calls = []

    def breaks(x):
        # Finite for the check and the training, not for the judgement.
        calls.append(x.shape[0])
        return target(x) * (np.nan if x.shape[0] > 1000 else 1.0)

    with pytest.raises(ValueError, match="None of the 2 fits"):
        tff.vi.fit_restarts(
            functools.partial(tff.planar_flow, 2, 2),
            breaks,
            num_restarts=2,
            **(ARGUMENTS | dict(num_steps=1)),
        )
    assert 32 in calls


def test_a_distribution_is_a_target(eagerly):
    normal = tfp.distributions.MultivariateNormalDiag([1.0, 1.0])
    result = tff.vi.fit_restarts(
        functools.partial(tff.planar_flow, 2, 2),
        normal,
        num_restarts=2,
        **(ARGUMENTS | dict(num_steps=1)),
    )
    # log Z is 0: the negative ELBO is the KL.
    assert np.all(result.restart_losses > 0.0)
    assert result.log_normalizer == 0.0
