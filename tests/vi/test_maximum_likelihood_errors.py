"""Bad input of maximum-likelihood fits: refused before training, and said why."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_flows as tff

tfb, tfd = tfp.bijectors, tfp.distributions

POINTS = np.random.default_rng(0).standard_normal([100, 2]).astype(np.float32)


def fit(flow=None, data=POINTS, **arguments):
    # Of little to trace: what is tested here does not depend on the flow.
    flow = flow or tfd.MultivariateNormalDiag(tf.Variable([0.0, 0.0]))
    defaults = dict(num_steps=5, seed=1, progress_bar=False, jit_compile=False)
    return tff.vi.fit_maximum_likelihood(flow, data, **(defaults | arguments))


def with_value(value):
    points = POINTS.copy()
    points[[17, 40], 1] = value
    return points


def dataset(points, batch_size=10):
    return tf.data.Dataset.from_tensor_slices(points).batch(batch_size)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (dict(data=with_value(np.nan)), ValueError, "NaN.*2 of 100.*index 17"),
        (dict(data=with_value(-np.inf)), ValueError, "infinite.*2 of 100.*index 17"),
        (
            dict(data=with_value(1.0).astype(np.float64) * 1e300),
            ValueError,
            "infinite in float32 at 100",
        ),
        (dict(data=(10 * POINTS).astype(int)), TypeError, "int.*astype.*noise"),
        (dict(data=POINTS > 0.0), TypeError, "bool"),
        (
            dict(data=np.ma.masked_array(POINTS, POINTS > 0.0)),
            TypeError,
            "data as a mask",
        ),
        (dict(data=np.array([["a", "b"]])), TypeError, "floating-point"),
        (dict(data=[[1.0, 2.0], [3.0]]), TypeError, "must be an array"),
        (dict(data=tf.constant(POINTS, tf.float64)), TypeError, "float64.*float32"),
        (dict(data=POINTS[:, 0]), ValueError, r"shape \(100,\).*\[N, 2\]"),
        (dict(data=POINTS[:, :1]), ValueError, r"shape \(100, 1\).*\[N, 2\]"),
        (dict(data=POINTS[0]), ValueError, r"shape \(2,\).*\[N, 2\]"),
        (dict(data=np.float32(1.0)), ValueError, r"shape \(\)"),
        (dict(data=POINTS[:0]), ValueError, "no points"),
        (dict(data=POINTS[:1]), ValueError, "0.1 of 1 points.*none for validation"),
        (dict(validation_split=0.001), ValueError, "0.001 of 100.*none for validation"),
        (dict(validation_split=0.999), ValueError, "none for training"),
        (dict(validation_split=1.0), ValueError, r"validation_split.*1\.0"),
        (dict(validation_split=-0.1), ValueError, r"validation_split.*-0\.1"),
        (dict(validation_split=0.1, validation_data=POINTS), ValueError, "not both"),
        (dict(validation_data=POINTS[:0]), ValueError, "`validation_data` has no points"),
        (dict(validation_data=with_value(np.nan)), ValueError, "validation_data.*NaN"),
        (dict(validation_data=POINTS[:, 0]), ValueError, "validation_data.*shape"),
        (dict(sample_weight=np.ones(99)), ValueError, r"sample_weight of shape \[100\]"),
        (dict(sample_weight=-POINTS[:, 0]), ValueError, "sample_weight that is NaN"),
        (dict(sample_weight=np.zeros(100)), ValueError, "0 for all examples"),
        (dict(sample_weight=np.eye(100)[3]), ValueError, "0.1 of 1 points.*none for"),
        (dict(data=dataset(POINTS), sample_weight=[1.0]), ValueError, "weight.*Dataset"),
        (
            dict(validation_data=POINTS, validation_sample_weight=[1.0]),
            ValueError,
            "validation_sample_weight of shape",
        ),
        (dict(validation_sample_weight=[1.0]), ValueError, "of `validation_data`"),
        (dict(batch_size=91), ValueError, "batch_size.*91.*90 points"),
        (dict(batch_size=0), ValueError, "batch_size.*0"),
        (dict(num_steps=0), ValueError, "num_steps.*0"),
        (dict(patience=0), ValueError, "patience.*0"),
        (dict(evaluation_steps=-1), ValueError, "evaluation_steps.*-1"),
        (dict(clip_norm=-1.0), ValueError, "clip_norm.*-1.0"),
        (dict(optimizer="adam"), TypeError, "keras.optimizers.Adam.*'adam'"),
        (dict(data=dataset(POINTS), batch_size=5), ValueError, "batch_size.*Dataset"),
        (dict(data=dataset(POINTS), validation_split=0.1), ValueError, "split.*Dataset"),
        (dict(data=dataset(POINTS[:0])), ValueError, "without points"),
        (dict(data=dataset((POINTS, POINTS))), TypeError, "tuples.*map"),
        (dict(data=dataset(POINTS.astype(float))), TypeError, "float64.*float32"),
        (dict(data=dataset(POINTS).unbatch()), ValueError, "single points.*batch"),
        (dict(data=dataset(POINTS[:, :1])), ValueError, r"batch 0.*shape \(10, 1\)"),
        (dict(data=dataset(with_value(np.nan))), ValueError, "batch 1.*NaN"),
        (dict(validation_data=dataset(POINTS).repeat()), ValueError, "endless"),
        (dict(validation_data=dataset(POINTS[:0])), ValueError, "without points"),
    ],
)
def test_bad_input(arguments, error, message):
    with pytest.raises(error, match=message):
        fit(**arguments)


def test_nothing_has_changed_after_an_error():
    flow = tff.planar_flow(2, 2, seed=0)
    before = [v.numpy() for v in flow.trainable_variables]
    with pytest.raises(ValueError, match="NaN"):
        fit(flow, with_value(np.nan))
    for value, variable in zip(before, flow.trainable_variables, strict=True):
        np.testing.assert_array_equal(value, variable)


def test_numpy_arrays_of_other_floats_are_cast():
    losses = [fit(data=d).loss for d in (POINTS, POINTS.astype(float), POINTS.tolist())]
    np.testing.assert_array_equal(losses[0], losses[1])
    np.testing.assert_array_equal(losses[0], losses[2])


def test_batches_that_grow_are_refused():
    growing = tf.data.Dataset.from_generator(
        lambda: (POINTS[:n] for n in (3, 5)), output_signature=tf.TensorSpec([None, 2])
    )
    with pytest.raises(ValueError, match="5 points, more than the first batch, of 3"):
        fit(data=growing)


def test_datasets_that_cannot_be_read_again_are_refused():
    batches = iter([POINTS[:4], POINTS[4:8]])
    once = tf.data.Dataset.from_generator(
        lambda: batches, output_signature=tf.TensorSpec([None, 2])
    )
    with pytest.raises(ValueError, match=r"without points, after 2 batches.*again"):
        fit(data=once)


def test_checkpoints_of_datasets_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"checkpoint_dir.*array"):
        fit(data=dataset(POINTS), checkpoint_dir=tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_flow_without_variables():
    with pytest.raises(ValueError, match="no trainable variables"):
        fit(tfd.MultivariateNormalDiag([0.0, 0.0]))


def test_flow_that_is_no_distribution():
    with pytest.raises(TypeError, match=r"must be a tfd\.Distribution.*Dense"):
        fit(tf.keras.layers.Dense(2))


class NoInverse(tfb.Bijector):
    """A bijector that goes forward only."""

    def __init__(self):
        self.scale = tf.Variable(1.0)
        super().__init__(forward_min_event_ndims=0)

    def _forward(self, x):
        return x * self.scale

    def _forward_log_det_jacobian(self, x):
        return tf.math.log(tf.abs(self.scale))


def test_flow_without_inverse():
    base = tfd.MultivariateNormalDiag([0.0, 0.0])
    flow = tfd.TransformedDistribution(base, NoInverse())
    with pytest.raises(ValueError, match=r"cannot evaluate log_prob.*Invert"):
        fit(flow)
    fit(tfd.TransformedDistribution(base, tfb.Invert(NoInverse())))


def test_points_outside_the_support():
    flow = tfd.Sample(tfd.LogNormal(tf.Variable(0.0), 1.0), [2])
    with pytest.raises(ValueError, match=r"not finite at .* of 90 points of `data`"):
        fit(flow)
    with pytest.raises(ValueError, match=r"points of `validation_data`.*support"):
        fit(flow, np.abs(POINTS), validation_data=POINTS)


def test_density_that_xla_cannot_compile():
    class Foreign(tfd.Normal):
        def _log_prob(self, x):
            noise = tf.numpy_function(lambda v: 0.0 * v, [x], x.dtype)
            return super()._log_prob(x) + tf.ensure_shape(noise, x.shape)

    with pytest.raises(RuntimeError, match="jit_compile=False"):
        fit(Foreign(tf.Variable(0.0), 1.0), POINTS[:, 0], jit_compile=True)
