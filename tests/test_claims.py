"""Numbers that are typed in README and docs are those of their sources."""

import json
import pathlib
import re
import statistics

import pytest

from tfp_flows.bijectors import planar_stack
from tfp_flows.training import eigenbasis
from tfp_flows.vi import starts

ROOT = pathlib.Path(__file__).parents[1]
RECIPE = json.loads((ROOT / "benchmarks" / "results" / "recipe.json").read_text("utf-8"))


def text(name):
    return " ".join((ROOT / name).read_text("utf-8").split())


def test_what_shows_a_claim_exists():
    lines = (ROOT / "docs" / "claims.md").read_text("utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| ")][1:]
    assert len(rows) > 15
    for row in rows:
        evidence = row.split("|")[2]
        files = re.findall(r"`([\w/]+\.\w+)(?:::\w+)?`", evidence)
        modules = re.findall(r"python -m ([\w.]+)", evidence)
        assert files or modules or "](" in evidence, row
        for file in files:
            assert (ROOT / file).is_file(), file
        for module in modules:
            path = ROOT / module.replace(".", "/")
            assert path.with_suffix(".py").is_file() or path.is_dir(), module


def test_the_figure_takes_minutes():
    results = json.loads((ROOT / "report" / "results.json").read_text("utf-8"))
    assert round(results["seconds"] / 60) == 6
    assert "six minutes" in text("README.md")


def test_most_shallow_fits_are_not_to_be_trusted():
    results = json.loads((ROOT / "report" / "results.json").read_text("utf-8"))
    verdicts = [row["verdict"] for row in results["fits"] if row["num_layers"] <= 4]
    assert verdicts.count("do not trust") > 0.75 * len(verdicts)
    assert 'Most fits of 2 or 4 layers are "do not trust"' in text("README.md")


def test_constants_of_the_code():
    assert eigenbasis.MAX_PARAMETERS == 320
    assert "of a flow of at most 320" in text("docs/others.md")
    assert starts._DEFAULT_STARTS == 8
    assert "Eight flows share the samples" in text("docs/others.md")
    assert planar_stack.ELEMENTWISE_EVENT_SIZE == 4
    assert "At D ≤ 4 an elementwise form" in text("docs/others.md")


def test_the_price_of_the_recipe():
    ratios = [entry["ratio"] for entry in RECIPE["wall_time"]]
    assert (f"{min(ratios):.1f}", f"{max(ratios):.1f}") == ("1.5", "1.6")
    assert "1.5 to 1.6 times as long as a bare loop" in text("docs/guide.md")


def test_a_funnel_is_not_fitted():
    entries = [e for e in RECIPE["other_dimensions"] if e["target"] == "funnel"]
    assert 64 in {entry["num_layers"] for entry in entries}
    assert {v for entry in entries for v in entry["verdicts"]} == {"do not trust"}


def test_refinement_of_a_funnel():
    """What docs/exact.md says of it."""
    path = ROOT / "benchmarks" / "results" / "refine.json"
    rows = json.loads(path.read_text("utf-8"))["parts"]["funnel"]["rows"]
    assert len({row["repeat"] for row in rows}) > 1
    by = {(row["name"], row["repeat"]): row for row in rows}
    for repeat in {row["repeat"] for row in rows}:
        refined, bare = by["`refine`", repeat], by["HMC (TFP), bare density", repeat]
        assert refined["is_right"]
        assert not bare["is_right"]
        assert refined["ess_per_second"] > 20.0 * bare["ess_per_second"]
    assert "at least 20 times" in text("docs/exact.md")


@pytest.mark.parametrize("binarization", ["fixed", "dynamic"])
def test_posteriors_of_autoencoders(binarization):
    """What docs/guide.md says below the table."""
    rows = json.loads((ROOT / "report" / "vae.json").read_text("utf-8"))["rows"]
    losses = {}
    for row in rows:
        if row["binarization"] == binarization:
            losses.setdefault(row["name"], []).append(row["test"]["negative_elbo"])
    assert {row["test"]["num_images"] for row in rows} == {2_000}
    assert {len(values) for values in losses.values()} == {3}
    mean = {name: statistics.mean(values) for name, values in losses.items()}
    spread = {name: statistics.stdev(values) for name, values in losses.items()}

    def is_clear(better, worse):
        return mean[worse] - mean[better] > spread[better] + spread[worse]

    assert max(mean, key=mean.get) == "no flow"
    names = ("planar, K = 20", "radial, K = 20")
    names += tuple(f"Sylvester {form}, K = 4" for form in "OHT")
    assert all(is_clear(name, "no flow") for name in names)
    ranked = sorted(mean, key=mean.get)
    assert set(ranked[:2]) == {"Sylvester O, K = 4", "Sylvester H, K = 4"}
    assert not is_clear("Sylvester T, K = 4", "planar, K = 20")
