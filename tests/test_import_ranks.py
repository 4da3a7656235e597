"""Packages import lower ranks only; two packages of one rank never each other."""

import ast
import pathlib

import pytest

PACKAGE = pathlib.Path(__file__).parents[1] / "tfp_flows"
RANKS = {
    "version": 0,
    "startup": 0,
    "types": 0,
    "files": 0,
    "names": 0,
    "progress": 0,
    "numerics": 0,
    "bijectors": 1,
    "density": 1,
    "training": 1,
    "distributions": 2,
    "layers": 2,
    "vi": 2,
    "mcmc": 2,
    "targets": 2,
    "diagnostics": 2,
    "plotting": 2,
    "models": 3,
    "posteriors": 3,
    "experiments": 4,
    "cli": 5,
    "__main__": 6,
}


def imported_parts(path):
    """The parts of tfp_flows that the file imports anywhere, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                parts = alias.name.split(".")
                if parts[0] == "tfp_flows":
                    assert len(parts) > 1, f"{path} imports the whole package"
                    yield parts[1]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            parts = node.module.split(".")
            if parts[0] == "tfp_flows":
                yield from parts[1:2] or [alias.name for alias in node.names]


def modules():
    return [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"]


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_only_lower_ranks(path):
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for other in imported_parts(path):
        assert other == own or RANKS[other] < RANKS[own], f"{own} imports {other}"


def test_every_part_has_a_rank():
    found = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in modules()}
    assert found <= set(RANKS)


def test_the_check_sees_imports_inside_functions(tmp_path):
    path = tmp_path / "module.py"
    path.write_text("def f():\n    from tfp_flows import vi\n    import tfp_flows.mcmc\n")
    assert sorted(imported_parts(path)) == ["mcmc", "vi"]
