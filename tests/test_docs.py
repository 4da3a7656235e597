"""The pages of `docs/`: complete and linked; their code, and the README's, runs."""

import ast
import functools
import importlib
import importlib.metadata
import inspect
import json
import pathlib
import pkgutil
import re
import sys

import pytest
from installed_wheel import code_blocks, rows_shown
from shortened import shorten

import tfp_flows as tff

ROOT = pathlib.Path(__file__).parents[1]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = sorted(DOCS.glob("*.md"))
TEST_NAME = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


@pytest.fixture(scope="module")
def helpers():
    """The modules that `conf.py` imports."""
    sys.path.insert(0, str(DOCS))
    names = ("api_pages", "docstrings", "notebook_pages")
    yield {name: importlib.import_module(name) for name in names}
    sys.path.remove(str(DOCS))


def public_packages():
    for info in pkgutil.iter_modules(tff.__path__):
        if info.ispkg and info.name != "numerics":
            package = importlib.import_module(f"tfp_flows.{info.name}")
            if getattr(package, "__all__", None):
                yield info.name, package


def test_every_public_name_has_its_entry(helpers, tmp_path):
    helpers["api_pages"].write(tmp_path)
    index = (tmp_path / "index.md").read_text("utf-8")
    found = dict(public_packages())
    assert {"bijectors", "layers", "vi"} <= set(found)
    for name, package in found.items():
        assert f"\n{name}\n" in index
        page = (tmp_path / f"{name}.md").read_text("utf-8")
        entries = re.findall(r"^\.\. auto(?:class|function|data):: (\w+)", page, re.M)
        assert sorted(entries) == package.__all__
        functions = [e for e in entries if inspect.isfunction(getattr(package, e))]
        assert entries[: len(functions)] == functions
    for name in set(tff.__all__) - set(found) - {"__version__"}:
        assert f"`tff.{name}`" in index


GITHUB, CLONED = "GITHUB_REPOSITORY", "READTHEDOCS_GIT_CLONE_URL"


@pytest.fixture
def write_notebooks(helpers, tmp_path, monkeypatch):
    """Writes the pages of notebooks, with variables of the environment, to a folder."""

    def write(version, **variables):
        for name in (GITHUB, CLONED):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        helpers["notebook_pages"].write(ROOT / "notebooks", tmp_path, version)
        return tmp_path

    return write


def read_notebooks(folder):
    paths = sorted(folder.glob("*.ipynb"))
    assert len(paths) == 12
    return {path.name: json.loads(path.read_text("utf-8")) for path in paths}


def source(cell):
    return "".join(cell["source"])


@pytest.mark.parametrize(
    ("variables", "known"),
    [
        ({}, False),
        ({GITHUB: "owner/name"}, True),
        ({GITHUB: "owner/name", CLONED: "https://github.com/other/fork"}, True),
        ({CLONED: "https://github.com/owner/name"}, True),
        ({CLONED: "https://github.com/owner/name.git"}, True),
        ({CLONED: "git@github.com:owner/name.git"}, True),
        ({CLONED: "https://example.org/owner/name.git"}, False),
    ],
)
def test_pages_of_notebooks_open_in_colab(write_notebooks, variables, known):
    stored = read_notebooks(ROOT / "notebooks")
    for name, page in read_notebooks(write_notebooks("1.2.3", **variables)).items():
        link = f"google.com/github/owner/name/blob/v1.2.3/notebooks/{name})"
        first, expected = source(page["cells"][0]), source(stored[name]["cells"][0])
        assert (link in first) == ("Colab" in first) == known
        # The link is a paragraph below the title; all else is as stored.
        title, *paragraphs = first.split("\n\n")
        assert "\n\n".join([title, *paragraphs[known:]]) == expected
        assert page["cells"][1:] == stored[name]["cells"][1:]


@pytest.mark.parametrize(
    ("version", "branch", "package"),
    [
        ("1.2.3", "v1.2.3", "tfp-flows==1.2.3"),
        ("1.2.3rc1", "v1.2.3rc1", "tfp-flows==1.2.3rc1"),
        ("1.3.0.dev0", "main", "git+https://github.com/owner/name@main"),
    ],
)
def test_colab_has_the_notebook_and_the_package_of_one_version(
    write_notebooks, version, branch, package
):
    pages = read_notebooks(write_notebooks(version, **{GITHUB: "owner/name"}))
    with_more = set()
    for name, page in pages.items():
        link = source(page["cells"][0]).split("\n\n")[1]
        assert f"/blob/{branch}/" in link
        (command,) = re.findall(r"`%pip install (.+?)`", link)
        first, *more = command.split()
        assert first == package
        if more:
            assert more == ["scikit-learn"]
            with_more.add(name)
    assert with_more == {"11-vae.ipynb"}


def test_colab_installs_all_that_notebooks_import(helpers):
    required = [
        re.match(r"[\w-]+", requirement)[0].replace("-", "_")
        for requirement in importlib.metadata.requires("tfp_flows")
        if "extra ==" not in requirement
    ]
    assert "tensorflow_probability" in required
    others = helpers["notebook_pages"].PACKAGES
    known = {"tfp_flows", *required, *others, *sys.stdlib_module_names}
    imported = set()
    for notebook in read_notebooks(ROOT / "notebooks").values():
        cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        for node in ast.walk(ast.parse("\n".join(map(source, cells)))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module.split(".")[0])
    assert imported <= known
    assert set(others) <= imported


def test_the_gallery_says_what_each_notebook_takes(write_notebooks):
    gallery = (write_notebooks("1.2.3") / "index.md").read_text("utf-8")
    for name, notebook in read_notebooks(ROOT / "notebooks").items():
        _, time, text = source(notebook["cells"][0]).split("\n\n")[:3]
        (entry,) = re.findall(rf"{{doc}}`{name[:-6]}`: (.+) (\*.+\*)$", gallery, re.M)
        assert entry[1] == time
        # The first sentence, whose end may be made a full stop.
        assert text.replace("\n", " ").startswith(entry[0].rstrip("."))


def test_pages_of_packages_that_are_gone_are_removed(helpers, tmp_path):
    (tmp_path / "no_such_package.md").write_text("# gone\n")
    helpers["api_pages"].write(tmp_path)
    assert not (tmp_path / "no_such_package.md").exists()


def test_methods_of_this_package_are_documented(helpers):
    members = helpers["api_pages"].documented_members
    assert {"u_hat", "injectivity_margin"} <= set(members(tff.bijectors.Planar))
    assert "forward_and_log_det" in members(tff.bijectors.Sylvester)  # of its base
    assert "forward" not in members(tff.bijectors.Planar)  # of TFP
    assert {"compile", "fit", "sample"} <= set(members(tff.models.FlowModel))
    assert "train_step" not in members(tff.models.FlowModel)


def test_docstrings_become_restructuredtext(helpers):
    to_rst = helpers["docstrings"].to_rst
    for markdown, rst in [
        ("By `tff.vi.fit_error`, *now*.", "By ``tff.vi.fit_error``, *now*."),
        ("`vi.FitError`", ":py:obj:`vi.FitError <tfp_flows.vi.FitError>`"),
        ("|u_| * 2 of `u`s", r"\|u\_\| \* 2 of ``u``\ s"),
        ("#### Example\n\nx", ".. rubric:: Example\n\n\nx"),
        ("Args:\n  size: D.", "Args:\n  size: \\D."),
        ("Returns:\n  One: two.", ":returns:\n  One: two."),
        ("[1]: A. Title.\n     Venue.\n\nx", "- [1] A. Title.\n  Venue.\n\nx"),
        ("a\n\n```none\n`|x|`\n```\n", "a\n\n\n.. code-block:: text\n\n   `|x|`\n\n\n"),
        ("a\n\n    b * c\n\nd", "a\n\n\n.. code-block:: text\n\n   b * c\n\nd"),
        (
            "Args:\n  x: a\n    b.\n  **kwargs: more.",
            "Args:\n  x: a\n    b.\n  **kwargs: more.",
        ),
    ]:
        assert to_rst(markdown) == rst


def anchors(page):
    """The anchors of a page's headings, and of the files it includes."""
    headings = re.findall(r"^#{1,3} (.+)$", page.read_text("utf-8"), re.MULTILINE)
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in kept}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_resolve(page):
    text = page.read_text("utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith("http"):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.is_file(), link
        assert not anchor or anchor in anchors(target), link
    for path in re.findall(r"^```{(?:include|image|figure)} (\S+)$", text, re.MULTILINE):
        assert (page.parent / path).is_file(), path
    for role, content in re.findall(r"{py:(\w+)}`([^`]+)`", text):
        name = re.sub(r".*<(.*)>", r"\1", content)
        module, _, member = name.rpartition(".")
        if role == "mod":
            importlib.import_module(name)
        else:
            assert member in importlib.import_module(module).__all__, name


def test_every_page_is_in_the_contents():
    index = (DOCS / "index.md").read_text("utf-8")
    contents = index.split("```{toctree}")[1].split("```")[0].split()
    assert {page.stem for page in PAGES} <= {*contents, "index"}
    generated = {"notebooks/index", "api/index"}
    for entry in set(contents) - {":hidden:", ":maxdepth:", "2"} - generated:
        assert (DOCS / f"{entry}.md").is_file(), entry


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tests_that_are_named_exist_and_hold_the_bounds(page):
    for line in page.read_text("utf-8").splitlines():
        for path, name in TEST_NAME.findall(line):
            source = (ROOT / path).read_text("utf-8")
            names = {
                node.name
                for node in ast.parse(source).body
                if isinstance(node, ast.FunctionDef)
            }
            assert name in names, f"{path}::{name}"
            for bound in re.findall(r"\| `(-?[\d.e-]+)`", line):
                assert re.search(rf"(?<![\d.]){re.escape(bound)}\b", source), line


# Defaults for code that leaves them out: it is to run, not to fit well.
FEWER = {
    "diagnostics.evaluate": dict(num_samples=500),
    "mcmc.independence_metropolis": dict(num_burnin=50, jit_compile=False),
    "posteriors.refine": dict(max_rounds=1, jit_compile=False),
}


@pytest.fixture
def short(monkeypatch, tmp_path):
    """A function that shortens code, which is to run in the test's folder."""
    monkeypatch.chdir(tmp_path)
    shorten(monkeypatch)
    for name, arguments in FEWER.items():
        package, function = name.split(".")
        package = getattr(tff, package)
        fewer = functools.partial(getattr(package, function), **arguments)
        monkeypatch.setattr(package, function, fewer)
    posterior = functools.partial(
        tff.fit_posterior, num_steps=10, sample_size=64, num_evaluation_samples=500
    )
    monkeypatch.setattr(tff, "fit_posterior", posterior)

    def shorten_numbers(code):
        for name, number in (
            ("num_steps", 10),
            ("sample_size", 64),
            ("num_samples", 50),
            ("num_burnin", 50),
            ("num_chains", 10),
            ("thinning", 2),
            ("num_restarts", 2),
        ):
            code = re.sub(rf"\b{name}=[\d_]+", f"{name}={number}", code)
        code = re.sub(r"SharedPlanar\(\d+", "SharedPlanar(4", code)
        code = code.replace("sample(10_000", "sample(500")
        return code.replace("jit_compile=True", "jit_compile=False")

    return shorten_numbers


# Of the other pages, `make evidence` runs the code.
RUN_ALWAYS = ("README.md", "index.md", "performance.md")


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[pytest.mark.slow] * (page.name not in RUN_ALWAYS))
        for page in [README, *PAGES]
        if code_blocks(page.read_text("utf-8"))
    ],
    ids=lambda page: page.name,
)
def test_code_runs_from_top_to_bottom(page, short, capsys):
    text = page.read_text("utf-8")
    namespace = {"__name__": "docs"}
    for block in code_blocks(text):
        exec(compile(short(block), page.name, "exec"), namespace)
    shown = capsys.readouterr().out
    if "\n```text\n" in text:  # the rows that are shown are those that are printed
        rows = rows_shown(text)
        assert len(rows) >= 9
        assert [row for row in rows if f"\n{row}  " not in f"\n{shown}"] == []
    if page.name == "guide.md":
        assert all(name in shown for name in ("ELBO", "verdict", "R-hat", "NLL")), shown


# What installing the package brings, and the standard library.
INSTALLED = {"tfp_flows", "tensorflow", "tensorflow_probability", "tf_keras", "keras"}
INSTALLED |= {"numpy", "arviz", "matplotlib", *sys.stdlib_module_names}
EXTRAS = {"sklearn": "scikit-learn"}


@pytest.mark.parametrize("page", [README, *PAGES], ids=lambda page: page.name)
def test_code_says_what_it_needs_beyond_the_installation(page):
    text = page.read_text("utf-8")
    for block in code_blocks(text):
        for name in re.findall(r"^(?:from|import) (\w+)", block, re.MULTILINE):
            assert name in INSTALLED or page != README, name
            if name not in INSTALLED:
                assert f"pip install {EXTRAS[name]}" in text, name
        if "tensorboard_dir" in block:
            assert "[tensorboard]" in text
