"""Files that are no saved flows, or damaged: one error, which names the file."""

import functools
import json

import numpy as np
import pytest

import tfp_flows as tff


def write(path, metadata, **arrays):
    np.savez(path, metadata=np.array(json.dumps(metadata)), **arrays)


GOOD = dict(
    format="tfp_flows/flow",
    version=1,
    kind="planar",
    fused=True,
    event_size=2,
    num_layers=1,
    batch_shape=[],
    dtype="float32",
)
SYLVESTER = GOOD | dict(kind="sylvester", fused=False)
UNITS = dict(
    r=np.ones([1, 1, 1], "f"),
    r2=np.ones([1, 1, 1], "f"),
    b=np.ones([1, 1], "f"),
    v=np.ones([1, 1, 2], "f"),
)
NAN = {"base.loc": np.array([np.nan, 0.0], "f")}
NAN_BASE = {
    "class": "MultivariateNormalDiag",
    "arguments": dict(loc=dict(array="base.loc", is_variable=False)),
}
SHIFT = {
    "class": "Shift",
    "arguments": dict(shift=dict(array="around", is_variable=False)),
}
NESTED = functools.reduce(
    lambda record, _: {"class": "Independent", "arguments": dict(distribution=record)},
    range(300),
    NAN_BASE,
)
ARRAYS = dict(u=np.zeros([1, 2], "f"), w=np.ones([1, 2], "f"), b=np.zeros([1], "f"))


WIDE = dict(affine_shift=np.zeros(5, "f"), affine_scale_tril=np.zeros(3, "f"))


@pytest.mark.parametrize(
    ("metadata", "arrays", "message"),
    [
        (GOOD | dict(version=3), ARRAYS, "version 3"),
        (GOOD | dict(format="other"), ARRAYS, "'other'"),
        (GOOD | dict(kind="spline"), ARRAYS, "damaged.*spline"),
        (GOOD, ARRAYS | dict(u=np.zeros([3, 2], "f")), "damaged"),
        (GOOD, ARRAYS | dict(u=np.full([1, 2], np.nan, "f")), "damaged.*finite"),
        (GOOD, dict(u=ARRAYS["u"]), "damaged.*w"),
        (SYLVESTER | dict(num_layers=2), UNITS, r"damaged.*`r` has shape \(1, 1, 1\)"),
        (SYLVESTER | dict(event_size=3), UNITS, r"damaged.*`v` has shape \(1, 1, 2\)"),
        (SYLVESTER, UNITS | dict(r2=np.ones([1, 2, 2], "f")), r"damaged.*`r2` has shape"),
        (GOOD | dict(base={"class": "Laplace"}), ARRAYS, "damaged"),
        (GOOD | dict(base=NAN_BASE), ARRAYS | NAN, "damaged.*`loc` is not finite"),
        (GOOD | dict(base=NAN_BASE), ARRAYS, "damaged.*base.loc"),
        ({}, ARRAYS, "not a saved flow"),
        (
            GOOD | dict(num_layers=10**9),
            ARRAYS,
            r"`u` has shape \(1, 2\), not \(1000000000,",
        ),
        (GOOD | dict(num_layers=10**30), ARRAYS, "damaged"),
        (GOOD | dict(event_size=10**9), ARRAYS, r"`u` has shape \(1, 2\)"),
        (GOOD | dict(num_layers=True), ARRAYS, "`num_layers`"),
        (GOOD | dict(batch_shape=[0]), ARRAYS, "`batch_shape`"),
        (GOOD | dict(batch_shape=None), ARRAYS, "`batch_shape` must be a list"),
        (GOOD | dict(kind=[]), ARRAYS, "`kind` must be a str"),
        (GOOD | dict(dtype="int32"), ARRAYS, "floating"),
        (GOOD, ARRAYS | dict(u=np.zeros([1, 2])), "`u` is of float64, not float32"),
        (GOOD | dict(affine=True), ARRAYS | WIDE, r"`affine_shift` has shape \(5,\)"),
        (GOOD | dict(base=NESTED), ARRAYS | NAN, "nested"),
        (GOOD | dict(around=[dict(step="invert")] * 101), ARRAYS, "101 bijectors"),
        (
            GOOD | dict(around=[dict(step="after", bijector=SHIFT)]),
            ARRAYS | dict(around=np.zeros(5, "f")),
            r"`shift` has shape \(5,\)",
        ),
    ],
)
def test_bad_content(tmp_path, metadata, arrays, message):
    path = tmp_path / "flow.npz"
    write(path, metadata, **arrays)
    before = path.read_bytes()
    with pytest.raises(tff.distributions.InvalidFileError, match=message) as caught:
        tff.distributions.load(path)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04truncated"])
def test_not_an_archive(tmp_path, content):
    path = tmp_path / "flow.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a saved flow"):
        tff.distributions.load(path)


def test_never_unpickles(tmp_path):
    path = tmp_path / "flow.npz"
    np.savez(path, metadata=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="not a saved flow"):
        tff.distributions.load(path)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        tff.distributions.load(tmp_path / "none.npz")
