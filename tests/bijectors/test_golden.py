"""The same numbers as Pyro, normflows and, by its formulas, Bijectors.jl.

The vectors, their provenance and the scripts that wrote them are in `tests/golden/`.
"""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from tfp_flows import bijectors

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
STACKS = {
    "planar": (bijectors.PlanarStack, bijectors.Planar, ("u", "w", "b")),
    "radial": (bijectors.RadialStack, bijectors.Radial, ("center", "alpha", "beta")),
}
FILES = {
    name: json.loads((GOLDEN / f"{name}.json").read_text())
    for name in ("pyro", "normflows", "bijectors_jl")
}
CASES = [
    pytest.param(kind, case, id=f"{library} {kind} {case['name']}")
    for library, content in FILES.items()
    for kind in STACKS
    for case in content[kind]
]


def bijectors_of(kind, case):
    """The stack of the case's layers and, of one layer, the single bijector too."""
    stack, single, names = STACKS[kind]
    parameters = [tf.constant(case[name], tf.float64) for name in names]
    yield stack(*parameters)
    if len(case[names[0]]) == 1:
        yield single(*(p[0] for p in parameters))


@pytest.mark.parametrize(("kind", "case"), CASES)
def test_forward_and_log_det(kind, case):
    z = tf.constant(case["z"], tf.float64)
    log_det = np.array(case["log_det"])
    # Their log|1 + x| is off by a rounding of x, relative to 1 + x.
    cancelled = 1e-15 * len(case[STACKS[kind][2][0]]) * np.exp(-np.minimum(log_det, 0))
    for bijector in bijectors_of(kind, case):
        np.testing.assert_allclose(bijector.forward(z), case["image"], 1e-13, 1e-14)
        error = np.abs(bijector.forward_log_det_jacobian(tf.identity(z)) - log_det)
        assert np.all(error <= 1e-13 * np.abs(log_det) + 4.0 * cancelled)


# The points and parameters of all three are the same.
@pytest.mark.parametrize(("kind", "case"), [c for c in CASES if "normflows" in c.id])
def test_inverse_of_their_images(kind, case):
    z, image = np.array(case["z"]), tf.constant(case["image"], tf.float64)
    for bijector in bijectors_of(kind, case):
        np.testing.assert_allclose(bijector.inverse(image), z, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(
            bijector.inverse_log_det_jacobian(tf.identity(image)),
            -np.array(case["log_det"]),
            rtol=1e-11,
            atol=1e-11,
        )


@pytest.mark.parametrize(("kind", "case"), [c for c in CASES if "bijectors_jl" in c.id])
def test_inverse_of_any_point(kind, case):
    # Only Bijectors.jl has an inverse.
    for bijector in bijectors_of(kind, case):
        preimage = bijector.inverse(tf.constant(case["z"], tf.float64))
        np.testing.assert_allclose(preimage, case["preimage"], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", FILES)
def test_provenance(name):
    source = FILES[name]["source"]
    assert {"library", "made_by", "notes"} <= set(source)
    assert "version" in source or "commit" in source
    assert (GOLDEN.parents[1] / source["made_by"]).is_file()
