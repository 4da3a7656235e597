"""Every documented option with every other, in pairs: tables of fits of a few steps.

Each row of a table is a fit, and each two values of two options meet in a row, or are
refused together by an error that says so. Here an option has its first two values, and
what fits compile runs eagerly, as most of the time would go into tracing. The tables of
all values, compiled, with XLA and without, take some minutes: `pytest -m evidence`.
"""

import inspect

import numpy as np
import pytest
import tensorflow as tf
from options import FLOW, LOOP, TARGETS, build, loop_arguments, target_of
from pairwise import table

import tfp_flows as tff

POINTS = np.random.default_rng(0).normal(size=[12, 2])

REVERSE_KL = FLOW | dict(
    target=TARGETS,
    num_starts=[1, 2, None],
    start=[None, "gaussian"],
    early_stopping=[False, True],
    annealing_fn=["default", "own", None],
    gradient_estimator=["reparameterized", "path"],
    **LOOP,
    num_evaluation_samples=[100, 70_000],
    keep_samples=[False, True],
)
LIKELIHOOD = FLOW | dict(
    data=["array", "dataset", "tensor", "float32", "list"],
    sample_weight=[None, "array"],
    batch_size=[None, 4],
    validation_split=[None, 0.25, 0.0],
    validation_data=[None, "dataset", "array"],
    validation_sample_weight=[None, "array"],
    evaluation_steps=[None, 1],
    patience=[10, 1, None],
    trainable_variables=[None, "last"],
    **LOOP,
)
CHAINS = dict(
    target=TARGETS,
    num_chains=[4, 1],
    num_samples=[8, 1],
    num_burnin=[6, 0],
    seed=LOOP["seed"],
    initial_state=[None, "array"],
    initial_spread=[2.0, 0.5],
    initial_scale=[None, 0.3],
    parameter_scales=[None, "burnin", (0.5, 2.0)],
    thinning=[1, 3],
    dtype=["float32", "float64"],
)

# Pairs that cannot be, and what is said.
NOT_ANEW, NO_AFFINE = "cannot be started anew", "has no affine map"
REFUSED_REVERSE_KL = [
    (dict(num_starts=2, base="trainable"), NOT_ANEW),
    (dict(num_starts=2, around="inverted"), NOT_ANEW),
    (dict(num_starts=2, around="shifted"), NOT_ANEW),
    (dict(start="gaussian", affine=False), NO_AFFINE),
    (dict(start="gaussian", around="inverted"), NO_AFFINE),
    (dict(start="gaussian", around="shifted"), NO_AFFINE),
]
REFUSED_LIKELIHOOD = [
    (dict(data="dataset", batch_size=4), "`batch_size` is for arrays"),
    (dict(data="dataset", validation_split=0.25), "`validation_split` is for arrays"),
    (dict(data="dataset", sample_weight="array"), "`sample_weight` is for arrays"),
    (dict(data="dataset", checkpoint_steps=None), "`checkpoint_dir` is for arrays"),
    (dict(data="dataset", checkpoint_steps=1), "`checkpoint_dir` is for arrays"),
    (dict(validation_data="array", validation_split=0.25), "not both"),
    (dict(validation_data="dataset", validation_split=0.25), "not both"),
    (dict(validation_data=None, validation_sample_weight="array"), "there are none"),
    (dict(validation_split=0.25, validation_sample_weight="array"), "there are none"),
]
REFUSED_CHAINS = [(dict(num_burnin=0, parameter_scales="burnin"), "`num_burnin` above 0")]


TABLES = dict(
    reverse_kl=(REVERSE_KL, REFUSED_REVERSE_KL),
    likelihood=(LIKELIHOOD, REFUSED_LIKELIHOOD),
    chains=(CHAINS, REFUSED_CHAINS),
)


def rows(*, all_values):
    """The rows of all tables."""
    for name, (options, refused) in TABLES.items():
        number = None if all_values else 2
        some = {key: values[:number] for key, values in options.items()}
        found = enumerate(table(some, [part for part, _ in refused]))
        yield from (pytest.param(name, row, id=f"{name}-{i}") for i, row in found)


def assert_fitted(result):
    num_steps = result.settings["num_steps"]
    if result.stop_reason == "early_stopping":
        num_steps = 1
    assert result.num_steps_done == num_steps
    assert result.num_skipped_steps.sum() == 0
    batch_shape = tuple(result.flow.batch_shape)
    assert result.loss.shape == result.gradient_norm.shape == (num_steps, *batch_shape)
    assert np.all(np.isfinite(result.loss))
    assert np.all(np.isfinite(result.gradient_norm))
    for variable in result.flow.trainable_variables:
        assert np.all(np.isfinite(variable))
    assert str(result)


def run_reverse_kl(row, folder, **more):
    flow = build(row)
    arguments = loop_arguments(row, folder)
    if row["annealing_fn"] == "own":
        row["annealing_fn"] = lambda step: tf.cast(step + 1, tf.float32) / 2.0
    target = target_of(row.pop("target"), flow.dtype)
    evaluation = dict(
        num_samples=row.pop("num_evaluation_samples"),
        keep_samples=row.pop("keep_samples"),
        seed=arguments["seed"],
    )
    arguments |= dict(num_steps=1, sample_size=8, jit_compile=False) | row | more
    result = tff.vi.fit_reverse_kl(flow, target, **arguments)
    assert_fitted(result)
    if flow.batch_shape.rank == 0:
        report = tff.diagnostics.evaluate(result, target, **evaluation)
        assert np.all(np.isfinite([report.elbo, report.log_evidence, report.ess]))
        assert (report.samples is not None) == evaluation["keep_samples"]
        assert str(report)


def run_likelihood(row, folder, **more):
    flow = build(row)
    dtype = flow.dtype
    dataset = tf.data.Dataset.from_tensor_slices(tf.constant(POINTS, dtype)).batch(5)
    data = dict(
        array=POINTS,
        float32=POINTS.astype(np.float32),
        list=POINTS.tolist(),
        tensor=tf.constant(POINTS, dtype),
        dataset=dataset,
    )
    weights = np.arange(12.0)
    for key in ("validation_data", "sample_weight", "validation_sample_weight"):
        if row[key] is not None:
            row[key] = data[row[key]] if key == "validation_data" else weights
    if row["trainable_variables"] == "last":
        row["trainable_variables"] = flow.trainable_variables[-1:]
    arguments = loop_arguments(row, folder)
    points = data[row.pop("data")]
    arguments |= dict(num_steps=1, jit_compile=False) | row | more
    assert_fitted(tff.vi.fit_maximum_likelihood(flow, points, **arguments))


def run_chains(row, folder, **more):
    del folder
    dtype = tf.as_dtype(row["dtype"])
    if row["initial_state"] is not None:
        row["initial_state"] = np.full([row["num_chains"], 2], 0.3)
    target = target_of(row.pop("target"), dtype)
    chains = tff.mcmc.random_walk_metropolis(target, event_size=2, **(row | more))
    assert chains.samples.shape == (row["num_samples"], row["num_chains"], 2)
    assert np.all(np.isfinite(chains.samples))
    assert str(chains)


RUN = dict(reverse_kl=run_reverse_kl, likelihood=run_likelihood, chains=run_chains)


FITS = dict(
    reverse_kl=tff.vi.fit_reverse_kl,
    likelihood=tff.vi.fit_maximum_likelihood,
    chains=tff.mcmc.random_walk_metropolis,
)
# What is not in the tables: what other options stand for, sizes, and what only times.
OTHERS = {
    "flow",
    "target_log_prob_fn",
    "num_steps",
    "sample_size",
    "jit_compile",
    "checkpoint_dir",
    "checkpoint_seconds",
    "tensorboard_dir",
    "event_size",
    "name",
    "strategy",
}
# Those that need a target of their own kind.
OF_TARGETS = {"reverse_kl": {"batch_size"}}


@pytest.mark.parametrize("name", TABLES)
def test_every_option_is_in_the_table(name):
    parameters = inspect.signature(FITS[name]).parameters
    others = OTHERS | OF_TARGETS.get(name, set())
    assert set(parameters) - others <= set(TABLES[name][0])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "row"), rows(all_values=False))
def test_pairs(name, row, tmp_path, eagerly):
    RUN[name](dict(row), tmp_path)


@pytest.mark.evidence
@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize(("name", "row"), rows(all_values=True))
def test_pairs_compiled(name, row, jit_compile, tmp_path):
    if jit_compile and row.get("target") == "outside":
        pytest.skip("XLA does not compile what is outside TensorFlow")
    more = dict() if name == "chains" else dict(num_steps=3)
    RUN[name](dict(row), tmp_path, jit_compile=jit_compile, **more)


@pytest.mark.parametrize(
    ("name", "part", "message"),
    [
        (name, part, message)
        for name, (_, refused) in TABLES.items()
        for part, message in refused
    ],
)
def test_refused_pairs_say_so(name, part, message, tmp_path):
    plainest = {key: values[0] for key, values in TABLES[name][0].items()}
    with pytest.raises(ValueError, match=message) as caught:
        RUN[name](plainest | part, tmp_path)
    assert "\n" not in str(caught.value)
