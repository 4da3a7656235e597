"""The public names are explicit, sorted and documented."""

import importlib
import inspect
import subprocess
import sys

import pytest

import tfp_flows as tff

PUBLIC = (
    "bijectors",
    "density",
    "diagnostics",
    "distributions",
    "files",
    "layers",
    "mcmc",
    "models",
    "numerics",
    "plotting",
    "posteriors",
    "targets",
    "training",
    "vi",
)


@pytest.mark.parametrize("name", PUBLIC)
def test_all_is_sorted_resolves_and_is_documented(name):
    module = importlib.import_module(f"tfp_flows.{name}")
    assert module.__all__ == sorted(module.__all__)
    assert module.__doc__
    for member in module.__all__:
        value = getattr(module, member)
        if inspect.isfunction(value) or inspect.isclass(value):
            assert inspect.getdoc(value), f"{name}.{member} has no docstring"


def test_top_level_resolves():
    assert tff.__all__ == sorted(tff.__all__)
    for name in tff.__all__:
        assert getattr(tff, name) is not None
    assert dir(tff) == tff.__all__
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = tff.no_such_name


def test_contract_names():
    assert tff.targets.names() == (
        "example1",
        "example2",
        "example3",
        "u1",
        "u2",
        "u3",
        "u4",
    )
    for path in (
        "autoregressive_flow",
        "bijectors.Autoregressive",
        "bijectors.AutoregressiveStack",
        "bijectors.Planar",
        "bijectors.PlanarStack",
        "bijectors.Radial",
        "bijectors.RadialStack",
        "bijectors.Sylvester",
        "diagnostics.evaluate",
        "layers.AmortizedAutoregressive",
        "layers.AmortizedPlanar",
        "layers.AmortizedRadial",
        "layers.AmortizedSylvester",
        "layers.SharedAutoregressive",
        "layers.SharedPlanar",
        "layers.SharedRadial",
        "layers.SharedSylvester",
        "mcmc.random_walk_metropolis",
        "models.FlowVAE",
        "planar_flow",
        "radial_flow",
        "sylvester_flow",
        "targets.get",
        "models.FlowModel",
        "optimizers.EigenbasisAdam",
        "training.Event",
        "vi.FitResult",
        "vi.NegativeLogLikelihood",
        "vi.Objective",
        "vi.PathReverseKL",
        "vi.ReverseKL",
        "vi.fit",
        "vi.fit_maximum_likelihood",
        "vi.fit_reverse_kl",
    ):
        value = tff
        for part in path.split("."):
            value = getattr(value, part)
        assert callable(value)


def test_import_is_silent_and_light():
    code = (
        "import sys, tfp_flows; tfp_flows.__version__; "
        "assert 'tensorflow' not in sys.modules"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, b"", b"")
