"""What checks, releases and the site are made by, and that all of it says the same."""

import importlib.util
import os
import pathlib
import re
import runpy
import shutil
import subprocess

import pytest
import setuptools

ROOT = pathlib.Path(__file__).parents[1]
BOUND = re.compile(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)")


def text(name):
    return (ROOT / name).read_text("utf-8")


CONTRIBUTING = text("CONTRIBUTING.md")
WORKFLOWS = {
    name: text(f".github/workflows/{name}.yml") for name in ("checks", "release")
}
RECIPES = {
    target: [line.strip() for line in lines.strip().splitlines()]
    for target, lines in re.findall(
        r"^(\w+):.*\n((?:\t.*\n)+)", text("Makefile"), re.MULTILINE
    )
}


@pytest.fixture
def metadata(monkeypatch):
    """What setup.py passes to `setup`."""
    given = {}
    monkeypatch.setattr(setuptools, "setup", lambda **arguments: given.update(arguments))
    monkeypatch.chdir(ROOT)
    runpy.run_path("setup.py")
    return given


def lower_bounds(requirements):
    found = [BOUND.match(requirement).groups() for requirement in requirements]
    return {canonical(name): version for name, version in found}


def canonical(name):
    return name.lower().replace("_", "-")


def test_lowest_versions_are_the_lower_bounds(metadata):
    lines = text("tests/lowest.txt").splitlines()
    pins = [line.split("==") for line in lines if not line.startswith("#")]
    lowest = {canonical(name): version for name, version in pins}
    assert len(lowest) == len(pins)
    bounds = lower_bounds(
        [*metadata["install_requires"], *metadata["extras_require"]["test"]]
    )
    # TFP's extra brings it; it goes with one release of TensorFlow.
    bounds["tf-keras"] = bounds["tensorflow"]
    assert set(lowest) == set(bounds)
    for name, bound in bounds.items():
        parts = [*bound.split("."), "0", "0"][:3]
        assert lowest[name] == ".".join(parts), name


def test_supported_versions_are_the_same_everywhere(metadata):
    classifiers = "\n".join(metadata["classifiers"])
    pythons = re.findall(r"Python :: (3\.\d+)", classifiers)
    first, last = pythons[0], pythons[-1]
    assert metadata["python_requires"] == f">={first}"
    assert f'target-version = "py{first.replace(".", "")}"' in text("pyproject.toml")
    matrix = re.search(r"python: \[(.*)\]", WORKFLOWS["checks"])[1]
    assert re.findall(r"3\.\d+", matrix) == pythons
    assert RECIPES["lowest"][0].startswith(f"$(call new,python{first});")
    single = re.findall(r'python-version: "(.*)"', "".join(WORKFLOWS.values()))
    assert set(single) <= set(pythons)
    for name in ("README.md", "CONTRIBUTING.md", "docs/guide.md", ".ci/run"):
        assert f"Python {first} to {last}" in text(name), name
    bounds = lower_bounds(metadata["install_requires"])
    pages = [
        " ".join(text(name).split()) for name in ("CONTRIBUTING.md", "docs/guide.md")
    ]
    for page in pages:
        assert f"TensorFlow {bounds['tensorflow']} and later" in page
        assert f"Keras {bounds['keras']} and later" in page
        assert f"TFP {bounds['tensorflow-probability']}." in page
    tested = [re.search(r"tested to (2\.\d+)", page)[1] for page in pages]
    assert len(set(tested)) == 1


def test_make_runs_what_the_checks_of_a_change_run():
    lines = text(".ci/run").split('".[test]"\n')[1].splitlines()
    other = ("#", "types=", "wait ")  # mypy runs beside the tests
    commands = [line.removesuffix(" &") for line in lines if not line.startswith(other)]
    assert commands == RECIPES["lint"] + RECIPES["test"]


def test_workflows_run_targets_of_the_makefile():
    runs = re.findall(r"- run: (.*)", "\n".join(WORKFLOWS.values()))
    made = {run.removeprefix("make ") for run in runs if run.startswith("make ")}
    assert made == set(RECIPES) - {"check"}
    others = [run for run in runs if not run.startswith(("make ", "pip install "))]
    assert others == ['python .github/check_release.py "$GITHUB_REF_NAME"']
    assert not re.findall(r"run: \|", "\n".join(WORKFLOWS.values()))


def test_contributing_names_each_target_and_what_it_needs():
    for target in RECIPES:
        assert f"`make {target}`" in CONTRIBUTING, target
    needed = re.findall(r"- run: (pip install .*)", "\n".join(WORKFLOWS.values()))
    for command in set(needed):
        assert command in CONTRIBUTING, command


def test_both_hosts_build_the_site_in_the_same_way():
    host = text(".readthedocs.yaml")
    job = WORKFLOWS["checks"].split("\n  docs:\n")[1]
    python = re.search(r'python-version: "(.*)"', job)[1]
    assert f'python: "{python}"' in host
    assert 'pip install ".[docs]"' in job
    assert "extra_requirements:\n        - docs\n" in host
    assert RECIPES["docs"] == ["sphinx-build -W docs docs/_build/html"]
    assert "configuration: docs/conf.py\n" in host
    assert "fail_on_warning: true\n" in host


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
@pytest.mark.parametrize("repository", [None, "", "name"])
def test_packages_with_relative_links_are_not_made(repository, tmp_path):
    environment = os.environ | {"GITHUB_REPOSITORY": repository or ""}
    if repository is None:
        del environment["GITHUB_REPOSITORY"]
    run = subprocess.run(
        ["make", "-f", ROOT / "Makefile", "package"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode != 0
    assert "GITHUB_REPOSITORY=owner/name" in run.stderr
    assert run.stdout == ""  # nothing was run


@pytest.fixture(scope="module")
def release():
    """The module that refuses releases."""
    path = ROOT / ".github" / "check_release.py"
    spec = importlib.util.spec_from_file_location("check_release", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


READY = (
    "# Changelog\n\n## 1.2.0 (2030-01-02)\n\n- One.\n\n## 1.1.0 (2029-01-02)\n\n- Old.\n"
)
ENTRY = "## Unreleased\n\n### Fixed\n\n- Two.\n\n## 1.2.0"


@pytest.mark.parametrize(
    ("tag", "changelog", "fault"),
    [
        ("1.2.0", READY, "The tag is 1.2.0"),
        ("v1.2", READY, "The tag is v1.2,"),
        ("v1.2.0", READY.replace("## 1.2.0", ENTRY), "under Unreleased"),
        ("v1.2.0", READY.replace("1.2.0", "1.2.00"), "no entries under '## 1.2.0"),
        ("v1.2.0", READY.replace("1.2.0", "1x2.0"), "no entries under '## 1.2.0"),
        ("v1.2.0", READY.replace(" (2030-01-02)", ""), "no entries under '## 1.2.0"),
        ("v1.2.0", READY.replace("- One.\n", ""), "no entries under '## 1.2.0"),
        ("v1.2.0", "## [Unreleased]\n- Two.\n" + READY, "under Unreleased"),
    ],
)
def test_releases_are_refused_that_are_not_ready(release, tag, changelog, fault):
    (found,) = release.faults(tag, "1.2.0", changelog)
    assert fault in found


def test_releases_that_are_ready_are_not_refused(release):
    assert release.faults("v1.2.0", "1.2.0", READY) == []
    empty = READY.replace("## 1.2.0", "## Unreleased\n\n## 1.2.0")
    assert release.faults("v1.2.0", "1.2.0", empty) == []


def test_another_tag_stops_the_release(release, capsys):
    assert release.main("v0.0.0-none") == 1
    assert "The tag is v0.0.0-none" in capsys.readouterr().out


def test_the_citation_is_of_the_day_of_the_release():
    date = re.search(r"^## \d\S* \((.*)\)$", text("CHANGELOG.md"), re.MULTILINE)[1]
    assert f'date-released: "{date}"' in text("CITATION.cff")
