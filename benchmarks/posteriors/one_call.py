"""`tff.fit_posterior` with its defaults against reference moments.

    python -m benchmarks.posteriors.one_call DATA --seeds 0 1 2 --out benchmarks/results

DATA is a folder with the JSON files of posteriordb's data and a `reference.json`, see
`models.load`. Writes posteriors.json, and posteriors.md, its table. Within is what has
every mean within 0.1 standard deviations and every standard deviation within 10 %.
"""

import argparse
import json
import pathlib
import time

import numpy as np

import tfp_flows as tff
from benchmarks import machine
from benchmarks.posteriors import models
from tfp_flows import files
from tfp_flows.experiments.tables import table_lines

NUM_DRAWS = 20_000
MEAN_TOLERANCE, SD_TOLERANCE = 0.1, np.log(1.1)


def errors(reference, values, log_weights):
    """The worst error of a mean, in standard deviations, and of a log sd."""
    weights = np.exp(log_weights)
    parameters = np.asarray(reference.parameters(values), np.float64)
    mean = weights @ parameters
    sd = np.sqrt(weights @ (parameters - mean) ** 2)
    mean_error = np.max(np.abs(mean - reference.mean) / reference.sd)
    sd_error = np.max(np.abs(np.log(sd / reference.sd)))
    return float(mean_error), float(sd_error)


def is_within(error):
    """Whether the pair of `errors` is small."""
    return error[0] < MEAN_TOLERANCE and error[1] < SD_TOLERANCE


def run(name, folder, seed):
    """One fit: a row of the results."""
    reference = models.load(name, folder)
    start = time.perf_counter()
    posterior = tff.fit_posterior(
        reference.joint, seed=seed, progress_bar=False, **reference.pins
    )
    posterior.summary()
    seconds = time.perf_counter() - start
    row = dict(
        name=name,
        event_size=posterior.model.event_size,
        seed=seed,
        seconds=seconds,
        has_flow=posterior.fit is not None,
        elbo=posterior.evaluation.elbo,
        khat=posterior.evaluation.khat,
        verdict=posterior.verdict,
    )
    for weighting in ("none", "psis"):
        draws = posterior.draws(NUM_DRAWS, weighting=weighting, seed=1_000 + seed)
        row[weighting] = errors(reference, draws.values, draws.log_weights)
    return row


def table(rows):
    """The rows in Markdown."""
    cells = [
        [
            row["name"],
            str(row["event_size"]),
            str(row["seed"]),
            f"{row['seconds']:.0f}",
            "flow" if row["has_flow"] else "Gaussian",
            *(
                f"{row[kind][0]:.3f}, {row[kind][1]:.3f}"
                + ("" if is_within(row[kind]) else " (not within)")
                for kind in ("none", "psis")
            ),
            f"{row['khat']:.2f}",
            row["verdict"],
        ]
        for row in rows
    ]
    header = [
        "posterior",
        "D",
        "seed",
        "seconds",
        "fitted",
        "raw draws: mean, sd",
        "weighted: mean, sd",
        "k-hat",
        "verdict",
    ]
    return "\n".join(table_lines(header, cells)) + "\n"


def main(argv=None):
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=pathlib.Path, help="folder with the data")
    parser.add_argument("--only", nargs="+", default=models.names(), metavar="NAME")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path())
    args = parser.parse_args(argv)
    out = files.prepare_folder(args.out, "--out")
    rows = []
    for name in args.only:
        for seed in args.seeds:
            rows.append(run(name, args.data, seed))
            print(json.dumps(rows[-1]), flush=True)
    files.write_json(out / "posteriors.json", dict(machine=machine.describe(), rows=rows))
    files.write_text(out / "posteriors.md", table(rows))


if __name__ == "__main__":
    main()
