"""Early stopping by a test on the ELBO."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_flows as tff
from tfp_flows.vi.plateau import has_fallen


def fit(**arguments):
    flow = tff.planar_flow(2, 4, seed=0)
    defaults = dict(
        num_steps=4_000,
        sample_size=64,
        num_starts=1,
        seed=1,
        early_stopping=True,
        progress_bar=False,
        jit_compile=False,
    )
    return tff.vi.fit_reverse_kl(flow, target, **(defaults | arguments))


def target(x):
    return -0.5 * tf.reduce_sum((x - 1.0) ** 2, axis=-1)


def test_rejects_flat_losses_in_19_of_20_cases(rng):
    flat = [has_fallen(rng.normal(size=400)) for _ in range(400)]
    assert 0.02 < np.mean(flat) < 0.10


def test_sees_a_fall_that_the_noise_would_hide_from_a_fixed_tolerance(rng):
    trend = np.linspace(0.5, 0.0, 400)
    falling = [has_fallen(trend + rng.normal(size=400)) for _ in range(100)]
    assert np.mean(falling) > 0.7
    rising = [has_fallen(-trend + rng.normal(size=400)) for _ in range(100)]
    assert np.mean(rising) < 0.05


def test_stops_an_easy_fit_early_and_well():
    result = fit()
    assert result.num_steps_done < 4_000
    assert result.num_steps_done % 200 == 0
    assert np.all(result.beta[-400:] == 1.0)
    assert result.final_loss + np.log(2.0 * np.pi) < 0.02
    assert len(result.loss) == result.num_steps_done


def test_does_not_depend_on_the_length_of_calls():
    expected = fit()
    for steps in (33, 4_000):
        actual = fit(steps_per_execution=steps)
        np.testing.assert_array_equal(actual.loss, expected.loss)


def test_a_stopped_fit_is_finished(tmp_path):
    first = fit(checkpoint_dir=tmp_path)
    again = fit(checkpoint_dir=tmp_path)
    np.testing.assert_array_equal(first.loss, again.loss)
    with pytest.raises(ValueError, match="early_stopping True instead of False"):
        fit(checkpoint_dir=tmp_path, early_stopping=False)
