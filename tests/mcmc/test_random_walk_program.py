import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy import stats

from tfp_flows.mcmc import blocks, random_walk_metropolis, random_walk_program

tfd = tfp.distributions

BURNIN_SEED, SAMPLE_SEED = [1, 2], [3, 4]


def standard_normal(x):
    return -0.5 * tf.reduce_sum(tf.square(x), axis=-1)


def outside_of_tensorflow(x):
    return tf.numpy_function(lambda a: -0.5 * np.sum(a**2, axis=-1), [x], x.dtype)


def run(target=standard_normal, **kwargs):
    defaults = dict(num_chains=8, num_samples=20, num_burnin=0, seed=0, event_size=2)
    return random_walk_metropolis(target, **(defaults | kwargs))


def draws(num_steps, num_chains):
    """The random numbers of the transitions of `run_program`, in graph mode."""

    def transition(step, noise, log_uniform, noises, log_uniforms):
        return noises.write(step, noise), log_uniforms.write(step, log_uniform)

    shapes = ([2, num_chains], [num_chains])
    arrays = tuple(
        tf.TensorArray(tf.float32, num_steps, element_shape=shape) for shape in shapes
    )
    arrays = blocks.loop_over_transitions(
        transition,
        arrays,
        num_steps=num_steps,
        state_shape=[2, num_chains],
        dtype=tf.float32,
        seed=tf.constant(SAMPLE_SEED),
    )
    return [a.stack().numpy() for a in arrays]


def test_the_program_is_the_plain_loop_over_transitions(monkeypatch):
    num_chains, scale, thinning = 5, 0.8, 3
    monkeypatch.setattr(blocks, "_BLOCK_SIZE", 4 * 3 * num_chains)
    state = tf.random.stateless_normal([num_chains, 2], [5, 6])
    settings = dict(
        num_chains=num_chains,
        num_samples=4,
        num_burnin=0,
        thinning=thinning,
        initial_scale=scale,
        parameter_scales=None,
        target_acceptance=0.35,
        dtype="float32",
        jit_compile=False,
    )
    arguments = (state, tf.constant(BURNIN_SEED), tf.constant(SAMPLE_SEED))
    (samples, num_accepted, num_invalid, scales), is_xla = (
        random_walk_program.run_program(standard_normal, arguments, settings, "name")
    )
    x, path, count = state.numpy(), [], np.zeros(num_chains)
    for noise, log_uniform in zip(*draws(10, num_chains), strict=True):
        proposal = x + np.float32(scale) * noise.T
        ratio = standard_normal(proposal).numpy() - standard_normal(x).numpy()
        is_accepted = log_uniform < ratio
        count += is_accepted
        x = np.where(is_accepted[:, np.newaxis], proposal, x)
        path.append(x)
    np.testing.assert_allclose(samples, path[::thinning], rtol=1e-5)
    np.testing.assert_array_equal(num_accepted, count)
    np.testing.assert_array_equal(num_invalid, 0)
    np.testing.assert_allclose(scales, [scale, scale])
    assert not is_xla


@pytest.mark.parametrize("kwargs", [{}, dict(parameter_scales=[0.5, 2.0])])
def test_exact_draws_stay_exact(kwargs):
    # Chains that start at exact draws end at such (Gandy & Scott 2020).
    target = tfd.MultivariateNormalTriL(
        [0.5, -1.0], np.linalg.cholesky([[1.0, 0.8], [0.8, 1.5]]).astype(np.float32)
    )
    start = target.sample(5_000, seed=1)
    chains = run(
        target,
        num_chains=5_000,
        num_samples=2,
        thinning=10,
        initial_state=start,
        **kwargs,
    )
    final = chains.samples[-1]
    assert np.mean(np.any(final != start, axis=-1)) > 0.9
    for i, (loc, scale) in enumerate([(0.5, 1.0), (-1.0, 1.5**0.5)]):
        assert stats.kstest(final[:, i], stats.norm(loc, scale).cdf).pvalue > 1e-3
    squared = np.sum(target.bijector.inverse(final).numpy() ** 2, axis=-1)
    assert stats.kstest(squared, stats.chi2(2).cdf).pvalue > 1e-3


def test_acceptance_counts_every_transition():
    every, thinned = run(num_samples=16), run(num_samples=6, thinning=3)
    np.testing.assert_array_equal(
        thinned.acceptance_rate_per_chain, every.acceptance_rate_per_chain
    )


@pytest.mark.slow
def test_xla_is_for_long_runs(monkeypatch):
    assert not run().settings["jit_compile"]
    monkeypatch.setattr(random_walk_program, "_XLA_STEPS", 30)
    assert run(num_burnin=10).settings["jit_compile"]
    # What XLA cannot compile runs without, unless it was asked for.
    assert not run(outside_of_tensorflow, num_burnin=10).settings["jit_compile"]
    with pytest.raises(RuntimeError, match=r"XLA could not .*jit_compile=False.*PyFunc"):
        run(outside_of_tensorflow, jit_compile=True)
