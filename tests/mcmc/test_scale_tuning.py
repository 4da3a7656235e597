import numpy as np
import pytest
import tensorflow as tf

from tfp_flows.mcmc.random_walk import RandomWalk
from tfp_flows.mcmc.scale_tuning import optimal_acceptance, tune_scale


def standard_normal(x):
    return -0.5 * tf.reduce_sum(tf.square(x), axis=0)


def make_kernel(scale):
    return RandomWalk(standard_normal, scale, event_axis=0)


def log_errors(*, num_chains, event_size, num_steps, scale, num_seeds):
    """Log of the tuned over the best scale for a standard normal, `[num_seeds]`."""

    @tf.function(autograph=False)
    def tuned_scale(seed):
        state = tf.random.stateless_normal([event_size, num_chains], seed)
        return tune_scale(
            make_kernel,
            state,
            standard_normal(state),
            num_steps=num_steps,
            scale=scale,
            acceptance=optimal_acceptance(event_size),
            seed=seed,
        )[2]

    scales = [float(tuned_scale(tf.constant([0, s]))) for s in range(num_seeds)]
    return np.log(np.array(scales) * np.sqrt(event_size) / 2.4)


@pytest.mark.parametrize("scale", [1e-3, 1e3])
@pytest.mark.parametrize("event_size", [1, 2, 10])
def test_a_hundred_steps_suffice_for_many_chains(event_size, scale):
    errors = log_errors(
        num_chains=50, event_size=event_size, num_steps=100, scale=scale, num_seeds=1
    )
    assert abs(errors[0]) < 0.1


def test_averaging_settles_a_single_chain():
    # The last iterate alone has a root mean square error of 0.13.
    errors = log_errors(
        num_chains=1, event_size=1, num_steps=1000, scale=1.0, num_seeds=10
    )
    assert np.sqrt(np.mean(errors**2)) < 0.08


@pytest.mark.parametrize(
    ("event_size", "expected"),
    # Where the expected squared jump on a standard normal is largest, by Monte Carlo.
    [(1, 0.440), (2, 0.349), (3, 0.315), (5, 0.284), (10, 0.258), (50, 0.240)],
)
def test_optimal_acceptance(event_size, expected):
    assert optimal_acceptance(event_size) == pytest.approx(expected, abs=0.007)


def test_optimal_acceptance_of_large_dimensions():
    assert optimal_acceptance(10_000) == pytest.approx(0.234, abs=1e-3)
