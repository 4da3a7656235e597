"""The report: what runs again, what is missing, and that its numbers are read."""

import dataclasses
import importlib.util
import json
import pathlib
import re
import shutil

import pytest
from PIL import Image

from report import pdf, remake
from report.__main__ import main
from tfp_flows.version import __version__

ROOT = pathlib.Path(__file__).parents[2]
REPORT = ROOT / "report"
needs_typst = pytest.mark.skipif(
    importlib.util.find_spec("typst") is None, reason="the extra `report` is missing"
)


@dataclasses.dataclass(frozen=True)
class SmallConfig:
    lengths: tuple[int, ...] = (2, 4)
    seed: int = 0


def write_small(out, config, progress_bar):
    del progress_bar
    environment = {"tfp_flows": __version__}
    results = dict(config=dataclasses.asdict(config), environment=environment)
    (out / "small.json").write_text(json.dumps(results))
    (out / "small.png").write_text("")


SMALL = remake.Experiment(
    "small",
    "small.json",
    write_small,
    lambda quick, seed: SmallConfig((2,) if quick else (2, 4), seed),
    lambda config: ["small.png"],
)


@pytest.mark.parametrize("quick", [False, True])
def test_results_of_the_same_configuration_are_current(tmp_path, quick):
    config = SMALL.config(quick, 3)
    assert remake.stale_reason(SMALL, config, tmp_path) == "no small.json yet"
    write_small(tmp_path, config, progress_bar=False)
    assert remake.stale_reason(SMALL, config, tmp_path) is None


def test_what_makes_results_stale(tmp_path):
    config = SmallConfig()
    path = tmp_path / "small.json"
    write_small(tmp_path, config, progress_bar=False)
    for other, changed in (
        (SmallConfig(seed=1), "seed"),
        (SmallConfig((2,), 1), "lengths, seed"),
    ):
        assert (
            remake.stale_reason(SMALL, other, tmp_path)
            == f"small.json has another {changed}"
        )
    results = json.loads(path.read_text())
    extra = results | {"config": results["config"] | {"dropped": 1}}
    path.write_text(json.dumps(extra))
    assert remake.stale_reason(SMALL, config, tmp_path).endswith("another dropped")
    path.write_text(json.dumps(results | {"environment": {"tfp_flows": "0.0.1"}}))
    assert remake.stale_reason(SMALL, config, tmp_path).endswith("version 0.0.1")
    path.write_text("{")
    assert remake.stale_reason(SMALL, config, tmp_path).endswith("damaged")
    path.write_text(json.dumps(results))
    (tmp_path / "small.png").unlink()
    assert remake.stale_reason(SMALL, config, tmp_path) == "no small.png yet"


@pytest.mark.slow
@pytest.mark.parametrize("experiment", remake.EXPERIMENTS, ids=lambda e: e.results_file)
def test_a_registered_experiment_leaves_current_results(
    tmp_path, monkeypatch, reproduced, estimated, experiment
):
    """Runs that copy the files of short ones leave all that the report needs."""

    def reproduce(out, config, *, images, progress_bar):
        shutil.copytree(reproduced[0] / "report" / "imgs", images)
        shutil.copy(reproduced[0] / "results.json", out)

    def estimate_densities(out, config, *, progress_bar):
        shutil.copytree(estimated[0], out, dirs_exist_ok=True)

    monkeypatch.setattr(remake, "reproduce", reproduce)
    monkeypatch.setattr(remake, "estimate_densities", estimate_densities)
    has_points = hasattr(experiment.config(True, 0), "points")
    _, config, _ = estimated if has_points else reproduced
    experiment.run(tmp_path, config, False)
    assert remake.stale_reason(experiment, config, tmp_path) is None


@pytest.fixture
def copied(tmp_path):
    """The committed results in a folder of their own."""
    out = tmp_path / "out"
    shutil.copytree(REPORT, out, ignore=shutil.ignore_patterns("*.typ", "*.pdf"))
    return out


@needs_typst
def test_the_committed_report_is_of_the_committed_results(copied):
    content = pdf.compile_report(copied, ROOT).read_bytes()
    assert content.startswith(b"%PDF")
    assert len(content) < 6e6
    checksum = pdf.inputs_checksum(REPORT, ROOT).encode()
    assert checksum in content
    assert checksum in (REPORT / "report.pdf").read_bytes(), (
        "report.pdf is older than its text or results; run tfp-flows report"
    )


@pytest.fixture
def root(tmp_path):
    """A checkout as far as the report needs it."""
    root = tmp_path / "root"
    shutil.copytree(REPORT, root / "report")
    shutil.copytree(ROOT / "benchmarks" / "results", root / "benchmarks" / "results")
    return root


@needs_typst
def test_sections_and_tables_follow_the_files(copied, root):
    for folder in (copied, root):
        for path in folder.rglob("*.png"):
            Image.new("RGB", (8, 8)).save(path)

    def size():
        return len(pdf.compile_report(copied, root).read_bytes())

    sizes = [size()]
    shutil.rmtree(copied / "energies")
    sizes.append(size())
    (root / "report" / "vae.json").unlink()
    sizes.append(size())
    # Results of a short run.
    path, families = copied / "results.json", ["planar"]
    content = json.loads(path.read_text())
    content["config"] |= dict(families=families, num_layers=[2, 4])
    content["fits"] = [
        row
        for row in content["fits"]
        if row["family"] in families and row["num_layers"] in (2, 4)
    ]
    path.write_text(json.dumps(content))
    path = copied / "density.json"
    content = json.loads(path.read_text())
    content["config"] |= dict(points=["circles"], flows=["radial_inverted"])
    path.write_text(json.dumps(content))
    sizes.append(size())
    assert sizes == sorted(set(sizes), reverse=True)


@needs_typst
@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("out/density.json", "tfp-flows report"),
        ("out/imgs/summary-radial.png", "tfp-flows report"),
        ("root/benchmarks/results/results.json", "python -m benchmarks"),
        ("root/benchmarks/results/recipe.json", "python -m benchmarks.recipe"),
        ("root/benchmarks/results/mcmc_rate.json", "python -m benchmarks.mcmc_rate"),
        ("root/report/references.bib", "complete checkout"),
        ("root/report/imgs/vae-latent-none.png", "python -m benchmarks.vae_latent"),
    ],
)
def test_a_missing_file_is_named_with_the_command_that_makes_it(
    copied, root, tmp_path, name, command
):
    (tmp_path / name).unlink()
    with pytest.raises(FileNotFoundError, match=rf"{re.escape(name)}; .*{command}"):
        pdf.compile_report(copied, root)


def test_without_typst(monkeypatch, tmp_path):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "typst" else find(name)
    )
    with pytest.raises(ImportError, match=r"pip install 'tfp_flows\[report\]'"):
        remake.report(tmp_path / "out", ROOT)
    assert not (tmp_path / "out").exists()


def test_command_runs_what_is_stale_and_no_more(copied, capsys, monkeypatch):
    """With current results, nothing runs; without, that experiment does."""
    ran = []

    def spying(experiment):
        def run(out, config, progress_bar):
            ran.append((experiment.name, config))

        return dataclasses.replace(experiment, run=run)

    monkeypatch.setattr(remake, "EXPERIMENTS", tuple(map(spying, remake.EXPERIMENTS)))
    monkeypatch.setattr(remake, "check_sources", lambda root: None)
    monkeypatch.setattr(remake, "compile_report", lambda out, root: out / "report.pdf")
    for experiment in remake.EXPERIMENTS:
        # As if made by this version with the default configuration.
        path = copied / experiment.results_file
        content = json.loads(path.read_text())
        content["config"] = dataclasses.asdict(experiment.config(False, 0))
        content["environment"]["tfp_flows"] = __version__
        path.write_text(json.dumps(content))
    monkeypatch.chdir(ROOT)
    assert main(["--out", str(copied)]) == 0
    captured = capsys.readouterr()
    assert captured.out.strip() == str(copied / "report.pdf")
    assert captured.err.count("results are current") == len(remake.EXPERIMENTS)
    assert ran == []
    assert main(["--out", str(copied), "--seed", "1"]) == 0
    assert [name for name, _ in ran] == [
        experiment.name for experiment in remake.EXPERIMENTS
    ]
    assert {config.seed for _, config in ran} == {1}
    assert "another seed" in capsys.readouterr().err
    ran.clear()
    assert main(["--out", str(copied), "--rerun"]) == 0
    assert len(ran) == len(remake.EXPERIMENTS)


def test_every_source_is_cited():
    keys = re.findall(
        r"^@\w+\{(\w+),", (REPORT / "references.bib").read_text("utf-8"), re.M
    )
    text = "".join(path.read_text("utf-8") for path in REPORT.glob("*.typ"))
    assert len(keys) >= 10
    assert [key for key in keys if f"@{key}" not in text] == []


def test_bad_input_is_one_line(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["--out", str(tmp_path / "file" / "out")]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err.startswith("tfp-flows: error: Cannot write to the output folder")
