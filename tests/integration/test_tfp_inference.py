"""Flows under TFP's own variational inference and MCMC, and Keras optimizers."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff

tfb, tfd = tfp.bijectors, tfp.distributions

# One kind each: that all compile, and under XLA, is shown by the tests of log_prob.
planar = pytest.mark.parametrize("make", ["planar-stack"], indirect=True)
radial = pytest.mark.parametrize("make", ["radial-chain"], indirect=True)


def target():
    """A normal of mean (1, -1), far from the start of a flow."""
    return tfd.MultivariateNormalDiag(
        tf.constant([1.0, -1.0], tf.float64), tf.constant([0.5, 1.5], tf.float64)
    )


@pytest.mark.slow
@planar
def test_fit_surrogate_posterior_under_xla(make):
    flow = make(init_scale=0.1)
    losses = tfp.vi.fit_surrogate_posterior(
        target().log_prob,
        flow,
        optimizer=tf.keras.optimizers.Adam(0.05),
        num_steps=100,
        sample_size=50,
        seed=(1, 2),
        jit_compile=True,
    )
    assert losses.shape == (100,)
    assert np.mean(losses[-10:]) < 0.6 * np.mean(losses[:10])


@radial
def test_fit_surrogate_posterior_with_importance_weights(make):
    flow = make(num_layers=1, init_scale=0.1)
    losses = tfp.vi.fit_surrogate_posterior(
        target().log_prob,
        flow,
        optimizer=tf.keras.optimizers.Adam(0.05),
        num_steps=30,
        sample_size=5,
        importance_sample_size=10,
        seed=(1, 2),
    )
    assert np.mean(losses[-10:]) < np.mean(losses[:10])


@pytest.mark.slow
def test_other_divergences_of_tfp():
    flow = tff.planar_flow(2, 2, seed=0, dtype=tf.float64, affine=True)
    before = kl_to_target(flow)
    tfp.vi.fit_surrogate_posterior(
        target().log_prob,
        flow,
        discrepancy_fn=tfp.vi.kl_forward,
        optimizer=tf.keras.optimizers.Adam(0.05),
        num_steps=100,
        sample_size=200,
        seed=(1, 2),
    )
    assert kl_to_target(flow) < 0.2 * before


def kl_to_target(flow):
    x, log_prob = flow.experimental_sample_and_log_prob(5_000, seed=(0, 3))
    return np.mean(log_prob - target().log_prob(x))


@pytest.mark.slow
def test_split_flow_surrogate_posterior():
    event_shape = dict(loc=tf.TensorShape([]), weights=tf.TensorShape([2]))
    flow = tff.planar_flow(3, 1, seed=0)
    surrogate = tfp.experimental.vi.build_split_flow_surrogate_posterior(
        event_shape=event_shape,
        trainable_bijector=flow.bijector,
        constraining_bijector=dict(loc=tfb.Identity(), weights=tfb.Softplus()),
        base_distribution=tfd.Normal,
    )
    sample, log_prob = surrogate.experimental_sample_and_log_prob(5, seed=(1, 2))
    assert sample["loc"].shape == (5,)
    assert sample["weights"].shape == (5, 2)
    assert np.all(sample["weights"] > 0.0)
    fresh = tf.nest.map_structure(tf.identity, sample)
    np.testing.assert_allclose(surrogate.log_prob(fresh), log_prob, rtol=1e-4, atol=1e-4)
    losses = tfp.vi.fit_surrogate_posterior(
        lambda loc, weights: (
            tfd.Normal(weights[..., 0], 0.5).log_prob(loc)
            + tf.reduce_sum(tfd.Exponential(1.0).log_prob(weights), axis=-1)
        ),
        surrogate,
        optimizer=tf.keras.optimizers.Adam(0.05),
        num_steps=30,
        sample_size=50,
        seed=(1, 2),
    )
    assert np.mean(losses[-10:]) < np.mean(losses[:10])


@pytest.mark.slow
@radial
def test_transformed_transition_kernel(make):
    sample = tf.function(sample_by_hmc, autograph=False)
    states, is_accepted = sample(make(num_layers=2), 400)
    assert 0.2 < np.mean(is_accepted) <= 1.0
    ess = np.sum(tfp.mcmc.effective_sample_size(states), axis=0)
    error = np.array([0.5, 1.5]) / np.sqrt(ess)
    mean = np.mean(states, axis=(0, 1))
    assert np.all(np.abs(mean - [1.0, -1.0]) < 5.0 * error)


@planar
def test_transformed_transition_kernel_in_eager_mode(make):
    states, is_accepted = sample_by_hmc(make(), 2)
    assert np.all(np.isfinite(states))
    assert 0.2 < np.mean(is_accepted) <= 1.0


def sample_by_hmc(flow, num_results):
    """Chains for the target, in the coordinates of the flow's base."""
    kernel = tfp.mcmc.TransformedTransitionKernel(
        tfp.mcmc.HamiltonianMonteCarlo(
            target().log_prob, step_size=np.float64(0.3), num_leapfrog_steps=3
        ),
        bijector=flow.bijector,
    )
    return tfp.mcmc.sample_chain(
        num_results=num_results,
        current_state=tf.zeros([20, 2], tf.float64),
        kernel=kernel,
        num_burnin_steps=num_results // 4,
        trace_fn=lambda _, results: results.inner_results.is_accepted,
        seed=(1, 2),
    )


def test_neural_transport_start(make):
    # The kernel inverts the flow at states that the flow did not produce.
    flow = make()
    kernel = tfp.mcmc.TransformedTransitionKernel(
        tfp.mcmc.RandomWalkMetropolis(target().log_prob), bijector=flow.bijector
    )
    state = tf.constant([[30.0, -20.0], [0.0, 0.0]], tf.float64)
    results = kernel.bootstrap_results(state)
    np.testing.assert_allclose(
        flow.bijector.forward(tf.identity(results.transformed_state)), state, 1e-9, 1e-9
    )


@planar
def test_maximum_likelihood_with_a_keras_optimizer(make):
    flow = make(init_scale=0.1)
    data = target().sample(200, seed=(3, 4))
    optimizer = keras.optimizers.Adam(0.05)
    optimizer.build(flow.trainable_variables)

    @tf.function(autograph=False)
    def step():
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(flow.log_prob(data))
        gradients = tape.gradient(loss, flow.trainable_variables)
        optimizer.apply_gradients(zip(gradients, flow.trainable_variables, strict=True))
        return loss

    losses = [step().numpy() for _ in range(60)]
    assert losses[-1] < losses[0] - 0.2
