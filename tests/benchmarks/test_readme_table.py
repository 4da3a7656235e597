"""The README's table between its markers, on copies."""

import copy

import pytest

from benchmarks import readme

GOOD = f"# Title\n\n{readme.START}\n\nold\n\n{readme.END}\n\nrest\n"
FOUND = {
    "step-time": {
        "runs": {
            "2030-01-02 03:04:05 UTC": dict(
                machine=dict(cpu="A CPU", cores=2), settings=dict(repeats=5, quick=False)
            )
        },
        "cases": {
            "K = 16": {
                peer: dict(
                    date="2030-01-02 03:04:05 UTC",
                    repeats=[{}],
                    median=dict(microseconds_per_step=value),
                    ratio=ratio,
                )
                for peer, value, ratio in (
                    ("ours", 50.0, {}),
                    ("pyro", 2000.0, dict(microseconds_per_step=40.0)),
                )
            }
        },
    }
}


def test_only_the_part_between_the_markers_changes(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(GOOD)
    readme.refresh(path, "| new |\n")
    assert path.read_text() == GOOD.replace("old", "| new |")
    readme.refresh(path, "| newer |")
    assert path.read_text() == GOOD.replace("old", "| newer |")


@pytest.mark.parametrize(
    "text",
    [
        "no markers",
        GOOD.replace(readme.START, ""),
        GOOD.replace(readme.END, ""),
        GOOD + readme.START,
        f"{readme.END}\n{readme.START}\n",
    ],
)
def test_bad_markers(tmp_path, text):
    path = tmp_path / "README.md"
    path.write_text(text)
    with pytest.raises(ValueError, match="--no-readme"):
        readme.refresh(path, "| new |")
    assert path.read_text() == text


def test_summary_has_the_columns_and_peers_that_were_measured():
    text = readme.summary(FOUND)
    assert "|  | µs per step, K = 16, D = 2 |" in text
    assert "| **tfp_flows** | 50.0¹ |" in text
    assert "| Pyro | 2,000 (40x)¹ |" in text
    assert "normflows" not in text
    assert "A CPU, 2 cores, 2030-01-02" in text


def test_numbers_of_an_older_run_are_marked():
    found = copy.deepcopy(FOUND)
    older = "2029-12-31 03:04:05 UTC"
    section = found["step-time"]
    section["runs"][older] = dict(machine=dict(cpu="B CPU", cores=4))
    versions = dict(tensorflow="2.21.0")
    section["cases"]["K = 16"]["ours"]["versions"] = dict(tfp_flows="0.2.0", **versions)
    section["cases"]["K = 16"]["pyro"].update(
        date=older, ratio={}, versions=dict(tfp_flows="0.1.0", **versions)
    )
    text = readme.summary(found)
    assert "| **tfp_flows** | 50.0¹ |" in text
    assert "| Pyro | 2,000¹† |" in text
    assert text.endswith(
        "A CPU, 2 cores, 2030-01-02, tfp_flows 0.2.0; "
        "(†) B CPU, 4 cores, 2029-12-31, tfp_flows 0.1.0; tensorflow 2.21.0."
    )


def test_summary_of_nothing():
    with pytest.raises(ValueError, match="--no-readme"):
        readme.summary({})
