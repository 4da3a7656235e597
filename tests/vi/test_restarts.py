"""Restarts: one program, independent members, the best returned."""

import functools

import numpy as np
import pytest
import tensorflow as tf

import tfp_flows as tff

ARGUMENTS = dict(
    num_steps=60, sample_size=32, seed=1, progress_bar=False, jit_compile=False
)


def target(x):
    return -0.5 * tf.reduce_sum((x - 1.0) ** 2, axis=-1)


def restarts(build=None, **arguments):
    build = build or functools.partial(tff.planar_flow, 2, 4)
    return tff.vi.fit_restarts(build, target, **(ARGUMENTS | arguments))


@pytest.mark.parametrize("builder", [tff.planar_flow, tff.radial_flow])
@pytest.mark.parametrize("fused", [True, False])
def test_returns_the_best_as_a_single_trainable_flow(builder, fused):
    result = restarts(functools.partial(builder, 2, 4, fused=fused), num_restarts=5)
    assert result.flow.batch_shape == ()
    assert result.restart_losses.shape == (5,)
    assert np.unique(result.restart_losses).size == 5
    assert result.loss.shape == (60,)
    assert result.gradient_norm.shape == (60,)
    judged = tff.diagnostics.evaluate(result.flow, target, num_samples=50_000, seed=3)
    assert -judged.elbo == pytest.approx(np.min(result.restart_losses), abs=0.05)
    assert len(result.flow.trainable_variables) == (3 if fused else 12)
    assert "best of 5 restarts" in str(result)


def test_the_best_flow_can_be_trained_further_and_saved(tmp_path):
    result = restarts(num_restarts=2)
    again = tff.vi.fit_reverse_kl(result.flow, target, **ARGUMENTS)
    assert again.flow is result.flow
    tff.distributions.save(result.flow, tmp_path / "flow.npz")


def test_members_train_as_if_alone():
    # Without noise: the same samples for every member, and a member of its own.
    flows = tff.planar_flow(2, 4, seed=0, batch_shape=(3,))
    single = tff.planar_flow(2, 4, seed=0)
    for variable, batch in zip(
        single.trainable_variables, flows.trainable_variables, strict=True
    ):
        variable.assign(batch[1])
        batch.assign(tf.stack([batch[0], batch[1], 5.0 * batch[2]]))
    before = [v.numpy() for v in single.trainable_variables]
    settings = ARGUMENTS | dict(num_steps=400, sample_size=64, clip_norm=0.5)
    together = tff.vi.fit_reverse_kl(flows, target, **settings)
    alone = tff.vi.fit_reverse_kl(single, target, **settings)
    assert not np.array_equal(before[0], single.trainable_variables[0])
    assert together.final_loss[1] == pytest.approx(alone.final_loss, abs=0.05)


def test_same_seed_same_numbers():
    first, second = restarts(num_restarts=3), restarts(num_restarts=3)
    np.testing.assert_array_equal(first.restart_losses, second.restart_losses)
    np.testing.assert_array_equal(first.loss, second.loss)
    other = restarts(num_restarts=3, seed=2)
    assert not np.array_equal(first.restart_losses, other.restart_losses)


def test_bad_builders_are_refused():
    with pytest.raises(TypeError, match=r"functools.partial\(tff.planar_flow"):
        restarts(tff.planar_flow(2, 4))
    with pytest.raises(ValueError, match=r"batch_shape=\(8,\).*like tff.planar_flow"):
        restarts(lambda seed, batch_shape: tff.planar_flow(2, 4, seed=seed))
    with pytest.raises(ValueError, match=r"num_restarts.*0"):
        restarts(num_restarts=0)


def test_no_finite_fit_is_an_error():
    calls = []

    def breaks(x):
        # Finite for the check and the training, not for the judgement.
        calls.append(x.shape[0])
        return target(x) * (np.nan if x.shape[0] > 1000 else 1.0)

    with pytest.raises(ValueError, match="None of the 2 fits"):
        tff.vi.fit_restarts(
            functools.partial(tff.planar_flow, 2, 4), breaks, num_restarts=2, **ARGUMENTS
        )
    assert 32 in calls
