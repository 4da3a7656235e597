"""Posteriors of many observations: batches of rows beside all rows.

    python -m benchmarks.minibatch --out benchmarks/results

Writes minibatch.json, and minibatch.md, its tables. Logistic regression on generated data
with a standard normal prior. Errors are of the means, in standard deviations of the
posterior, and of the standard deviations, relative, the largest of all coefficients; the
truth is importance sampling, of 20,000 samples of the Gaussian start on all rows, whose
effective sample size is in the file. All rows are looked at in blocks, by the same code.
NumPyro's `AutoMultivariateNormal` sees batches of the same data, `subsample_size`, in an
environment of its own (`benchmarks.environments`), in turn with the fits.
`--many-rows` measures a fit to a million rows, with the peak memory of its process.
"""

import argparse
import json
import pathlib
import resource
import subprocess
import tempfile
import time

import numpy as np
import tensorflow as tf

import tfp_flows as tff
from benchmarks import environments, machine
from benchmarks.registry import ROOT
from tfp_flows import files
from tfp_flows.experiments.tables import table_lines

NUM_ROWS, EVENT_SIZE = 100_000, 50
MANY_ROWS = 1_000_000
NUM_STEPS, SAMPLE_SIZE = 500, 256
BATCH_SIZES = (100, 1_000, 10_000)
NUM_DRAWN = 100_000
# Rows of a batch, and steps.
OF_NUMPYRO = ((100, 10_000), (1_000, 10_000))


def posterior_of(num_rows, seed=0):
    """Features are normal, labels are drawn with coefficients of N(0, 0.3^2)."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal([num_rows, EVENT_SIZE], dtype=np.float32)
    logits = x @ rng.normal(0.0, 0.3, EVENT_SIZE).astype(np.float32)
    y = (rng.random(num_rows) < 1.0 / (1.0 + np.exp(-logits))).astype(np.float32)

    def log_likelihood(z, rows):
        logits = tf.matmul(z, rows["x"], transpose_b=True)
        return rows["y"] * logits - tf.nn.softplus(logits)

    return tff.density.RowwisePosterior(
        lambda z: -0.5 * tf.reduce_sum(z**2, axis=-1),
        log_likelihood,
        dict(x=x, y=y),
        EVENT_SIZE,
    )


def truth_of(posterior, start):
    """Mean and standard deviation of the posterior, and the effective sample size."""
    judged = tff.diagnostics.evaluate(
        start.distribution(), posterior, num_samples=20_000, keep_samples=True, seed=1
    )
    weights = np.exp(judged.log_weights - np.max(judged.log_weights))
    weights /= np.sum(weights)
    mean = weights @ judged.samples
    sd = np.sqrt(weights @ (judged.samples - mean) ** 2)
    return dict(mean=mean, sd=sd, ess=judged.ess)


def row_of(method, seconds, mean, sd, truth):
    """A row of the results."""
    return dict(
        method=method,
        seconds=seconds,
        mean_error=float(np.max(np.abs(mean - truth["mean"]) / truth["sd"])),
        sd_error=float(np.max(np.abs(sd / truth["sd"] - 1.0))),
    )


def of_start(method, start, truth):
    """That of a Gaussian alone."""
    sd = np.linalg.norm(start.scale_tril, axis=1)
    return row_of(method, start.seconds, start.location, sd, truth)


def of_fit(posterior, truth, batch_size, *, num_steps=NUM_STEPS, start="auto"):
    """That of a flow."""
    flow = tff.planar_flow(EVENT_SIZE, 4, affine=True, seed=0)
    started = time.perf_counter()  # `result.seconds` are those after the Gaussian start
    result = tff.vi.fit_reverse_kl(
        flow,
        posterior,
        batch_size=batch_size,
        sample_size=SAMPLE_SIZE,
        num_steps=num_steps,
        start=start,
        num_starts=1,
        jit_compile=False,
        seed=1,
        progress_bar=False,
    )
    seconds = time.perf_counter() - started
    x = flow.sample(NUM_DRAWN, seed=2).numpy()
    size = "all rows" if batch_size is None else f"{batch_size:,} rows a step"
    method = f"flow, {num_steps:,} steps, {size}"
    if start is None:
        method += ", no start and no anchor"
    found = row_of(method, seconds, x.mean(axis=0), x.std(axis=0), truth)
    return found | dict(seconds_per_step=result.train_seconds / num_steps)


def of_numpyro(python, posterior, truth, batch_size, num_steps):
    """That of a normal of NumPyro; its process has loaded before it is timed."""
    with tempfile.TemporaryDirectory() as folder:
        source, answer = (pathlib.Path(folder) / name for name in ("x.npz", "a.npz"))
        np.savez(source, **posterior.rows.take(np.arange(NUM_ROWS)))
        arguments = map(str, (source, answer, batch_size, num_steps))
        command = [python, "-m", "benchmarks.minibatch_numpyro", *arguments]
        subprocess.run(command, cwd=ROOT, check=True)
        with np.load(answer) as found:
            seconds, mean, sd = float(found["seconds"]), found["mean"], found["sd"]
    method = f"NumPyro, {num_steps:,} steps, {batch_size:,} rows a step"
    return row_of(method, seconds, mean, sd, truth) | dict(
        seconds_per_step=seconds / num_steps
    )


def compare(num_full_steps, folder):
    """The first table."""
    python = environments.prepare("numpyro", folder)
    tff.vi.subsampled_start(posterior_of(2_000), seed=0)  # what is loaded at first use
    posterior = posterior_of(NUM_ROWS)
    full = tff.vi.gaussian_start(posterior, seed=0)
    truth = truth_of(posterior, full)
    rows = [
        of_start("Gaussian start, all rows", full, truth),
        of_start(
            "Gaussian start, 5,000 rows",
            tff.vi.subsampled_start(posterior, seed=0),
            truth,
        ),
    ]
    for batch_size in BATCH_SIZES:
        rows.append(of_fit(posterior, truth, batch_size))
        print(json.dumps(rows[-1]), flush=True)
    for batch_size, num_steps in OF_NUMPYRO:
        rows.append(of_numpyro(python, posterior, truth, batch_size, num_steps))
        print(json.dumps(rows[-1]), flush=True)
    rows.append(of_fit(posterior, truth, 1_000, start=None))
    rows.append(of_fit(posterior, truth, None, num_steps=num_full_steps))
    print(json.dumps(rows[-1]), flush=True)
    return dict(ess=truth["ess"], rows=rows)


def many_rows():
    """The second table: a fit and its judgement, with the memory that they took."""
    posterior = posterior_of(MANY_ROWS)
    started = time.perf_counter()
    flow = tff.planar_flow(EVENT_SIZE, 4, affine=True, seed=0)
    result = tff.vi.fit_reverse_kl(
        flow,
        posterior,
        batch_size=1_000,
        sample_size=SAMPLE_SIZE,
        num_steps=NUM_STEPS,
        jit_compile=False,
        seed=1,
        progress_bar=False,
    )
    fitted = time.perf_counter()
    judged = tff.diagnostics.evaluate(result, posterior, num_samples=4_000, seed=2)
    return dict(
        seconds_to_fit=fitted - started,
        seconds_to_evaluate=time.perf_counter() - fitted,
        verdict=judged.verdict,
        kl=judged.gap,
        gigabytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
    )


def document(found):
    """The tables as Markdown."""
    lines = []
    if "rows" in found:
        lines += [
            f"Logistic regression, N = {NUM_ROWS:,}, D = {EVENT_SIZE}, "
            f"{SAMPLE_SIZE} samples a step:",
            "",
        ]
        headings = ["method", "seconds", "ms a step", "error of means", "of sds"]
        lines += table_lines(headings, map(_cells, found["rows"]))
    if "many_rows" in found:
        many = found["many_rows"]
        lines += [
            f"N = {MANY_ROWS:,}: a fit of {NUM_STEPS} steps of 1,000 rows in "
            f"{many['seconds_to_fit']:.0f} s, its evaluation on all rows in "
            f"{many['seconds_to_evaluate']:.0f} s, verdict {many['verdict']!r}, KL "
            f"{many['kl']:.4f} nats; peak memory {many['gigabytes']:.1f} GB.",
            "",
        ]
    return "\n".join(lines)


def _cells(row):
    step = row.get("seconds_per_step")
    return [
        row["method"],
        f"{row['seconds']:.1f}",
        "" if step is None else f"{1e3 * step:.1f}",
        f"{row['mean_error']:.3f} sd",
        f"{row['sd_error']:.1%}",
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="benchmarks/results", help="folder")
    parser.add_argument(
        "--full-steps", type=int, default=NUM_STEPS, help="steps of the fit on all rows"
    )
    parser.add_argument("--environments", type=pathlib.Path, default=ROOT / ".bench")
    parser.add_argument("--many-rows", action="store_true", help="measure these alone")
    args = parser.parse_args()
    path = pathlib.Path(files.prepare_folder(args.out)) / "minibatch.json"
    found = json.loads(path.read_text("utf-8")) if path.exists() else {}
    found |= dict(machine=machine.describe(), date=machine.now())
    if args.many_rows:
        found |= dict(many_rows=many_rows())
    else:
        found |= compare(args.full_steps, args.environments)
    files.write_json(path, found)
    files.write_text(path.with_suffix(".md"), document(found))


if __name__ == "__main__":
    main()
