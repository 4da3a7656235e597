"""What a running fit shows."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_flows as tff


def fit(target, **arguments):
    flow = tff.planar_flow(2, 2, seed=0)
    defaults = dict(num_steps=8, sample_size=32, seed=1, jit_compile=False)
    return tff.vi.fit_reverse_kl(flow, target, **(defaults | arguments))


def bare(x):
    return -0.5 * tf.reduce_sum(x**2, axis=-1)


def test_the_bar_shows_a_kl_only_where_it_is_known(capfd, eagerly):
    fit(tff.targets.get("example1").unnormalized_log_prob, num_steps=5)
    shown = capfd.readouterr().err
    assert "KL=" in shown
    assert "step/s" in shown
    fit(bare, num_steps=5)
    shown = capfd.readouterr().err
    assert "ELBO=" in shown
    assert "KL=" not in shown


def test_the_kl_is_that_of_the_last_steps(capfd, eagerly):
    target = tff.targets.get("example1")
    result = fit(target.unnormalized_log_prob, steps_per_execution=4)
    kl = result.loss[-4:].mean() + float(target.log_normalizer())
    assert f"KL={kl:.4f}" in capfd.readouterr().err
    kl = np.array2string(result.final_loss + result.log_normalizer, precision=4)
    assert f"KL            {kl} " in str(result)


def test_tensorboard(tmp_path, eagerly):
    result = fit(
        bare, tensorboard_dir=tmp_path, steps_per_execution=2, progress_bar=False
    )
    (file,) = tmp_path.iterdir()
    scalars = {}
    for event in tf.compat.v1.train.summary_iterator(str(file)):
        for value in event.summary.value:
            number = float(tf.make_ndarray(value.tensor))
            scalars.setdefault(value.tag, []).append((event.step, number))
    assert set(scalars) == {f"fit/{n}" for n in ("loss", "ELBO", "beta", "gradient_norm")}
    steps, losses = zip(*scalars["fit/loss"], strict=True)
    assert steps == (2, 4, 6, 8)
    means = result.loss.reshape(4, 2).mean(axis=1)
    assert losses == pytest.approx(means, rel=1e-5)


def test_tensorboard_changes_nothing(tmp_path, eagerly):
    arguments = dict(num_steps=3, progress_bar=False)
    with_events = fit(bare, tensorboard_dir=tmp_path, **arguments)
    without = fit(bare, **arguments)
    assert with_events.loss.tolist() == without.loss.tolist()


def test_a_folder_that_cannot_be_written(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(OSError, match="tensorboard_dir"):
        fit(bare, tensorboard_dir=blocked / "events", progress_bar=False)
