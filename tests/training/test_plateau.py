"""Early stopping by a test on the ELBO."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from training_runs import run_at

import tfp_flows as tff
from tfp_flows.training import PlateauTest
from tfp_flows.training.plateau import _has_fallen

# Of plain gradient steps, so that what the noise leaves is known.
RATE = 0.5


def fit(**arguments):
    """A mean that arrives in 50 steps, and remains as restless as its learning rate."""
    flow = tfp.distributions.MultivariateNormalDiag(tf.Variable([0.0, 0.0]), [1.0, 1.0])
    defaults = dict(
        num_steps=2_000,
        sample_size=8,
        seed=1,
        optimizer=keras.optimizers.SGD(RATE),
        early_stopping=True,
        progress_bar=False,
        jit_compile=False,
    )
    return tff.vi.fit_reverse_kl(flow, target, **(defaults | arguments))


def target(x):
    return -0.5 * tf.reduce_sum((x - 1.0) ** 2, axis=-1)


def test_rejects_flat_losses_in_19_of_20_cases(rng):
    flat = [_has_fallen(rng.normal(size=400)) for _ in range(400)]
    assert 0.02 < np.mean(flat) < 0.10


def test_sees_a_fall_that_the_noise_would_hide_from_a_fixed_tolerance(rng):
    trend = np.linspace(0.5, 0.0, 400)
    falling = [_has_fallen(trend + rng.normal(size=400)) for _ in range(100)]
    assert np.mean(falling) > 0.7
    rising = [_has_fallen(-trend + rng.normal(size=400)) for _ in range(100)]
    assert np.mean(rising) < 0.05


@pytest.mark.parametrize(
    ("changes", "num_plateaus"),
    [
        ({}, 1),
        (dict(step=199), 0),
        (dict(settled=101), 0),
        (dict(slope=-0.1), 0),
        (dict(first_beta=0.99), 0),
    ],
)
def test_a_plateau_is_two_full_windows_at_full_weight_without_a_fall(
    changes, num_plateaus
):
    values = dict(step=200, settled=0, slope=0.0, first_beta=1.0) | changes
    step = values["step"]
    noise = np.random.default_rng(0).normal(size=step)
    betas = np.ones(step)
    betas[0] = values["first_beta"]
    test = PlateauTest(2_000)
    test.restore(dict(num_plateaus=np.array(0), settled=np.array(values["settled"])))
    losses = noise + values["slope"] * np.arange(step)
    test.update(run_at(step, [losses, betas, noise]))
    settled = step if num_plateaus else values["settled"]
    assert test.state() == dict(num_plateaus=num_plateaus, settled=settled)
    assert test.rate() == 0.3**num_plateaus


@pytest.fixture(scope="module")
def stopped():
    return fit()


def test_stops_an_easy_fit_early_and_well(stopped):
    # Annealed for 1,000 steps, then at least 200 at each of four rates.
    assert 1_000 + 4 * 200 <= stopped.num_steps_done < 2_000
    assert stopped.num_steps_done % 100 == 0
    assert len(stopped.loss) == stopped.num_steps_done


def test_the_rate_falls_at_each_plateau(stopped):
    # The mean of the normal is off by the square root of rate / (2 - rate) / 8; the loss
    # by half the square, over two dimensions.
    kls = [
        np.mean(part) + np.log(2.0 * np.pi)
        for part in (stopped.loss[1_000:1_200], stopped.loss[-100:])
    ]
    assert kls[0] == pytest.approx(RATE / (2.0 - RATE) / 8.0, rel=0.3)
    assert kls[1] < 0.1 * kls[0]


def test_does_not_depend_on_the_length_of_calls_and_is_finished_then(stopped, tmp_path):
    settings = dict(checkpoint_dir=tmp_path, steps_per_execution=33)
    np.testing.assert_array_equal(fit(**settings).loss, stopped.loss)
    np.testing.assert_array_equal(fit(**settings).loss, stopped.loss)
    with pytest.raises(ValueError, match="early_stopping True instead of False"):
        fit(early_stopping=False, **settings)
