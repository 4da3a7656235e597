"""Fits in half precision, beside float32.

    python -m benchmarks.half_precision

Step times of `fit_reverse_kl` of the same flow in float32, bfloat16 and float16, each
compiled by XLA, on a small flow and on a large event; and, as KL that a shorter step
spoils is no gain, the loss over the last hundred steps. With it, the vector instructions
of the processor: AMX and AVX-512 have bfloat16 arithmetic, AVX2 has not. Writes
half_precision.json and half_precision.md.
"""

import pathlib
import statistics
import sys

import numpy as np
import tensorflow as tf

import tfp_flows as tff
from benchmarks import one_table
from benchmarks.markdown import MISSING, number
from tfp_flows.experiments.tables import table_lines

DTYPES = ("float32", "bfloat16", "float16")
CASES = (
    dict(K=16, D=2, S=500, num_steps=5_000),
    dict(K=32, D=512, S=1_024, num_steps=300),
)
_REPEATS = 3
# As Linux names them.
_INSTRUCTIONS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")


def target(x):
    """The log of a normal density with a standard deviation of one half."""
    return -2.0 * tf.reduce_sum(tf.square(x), axis=-1)


def instructions():
    """Which of the vector instructions that matter this processor has."""
    path = pathlib.Path("/proc/cpuinfo")
    if not path.exists():
        return None
    flags = next(
        (line for line in path.read_text("utf-8").splitlines() if "flags" in line), ""
    )
    return [name for name in _INSTRUCTIONS if name in flags.split()]


def fit(case, dtype):
    """Microseconds per step and the last loss of a fit, the median of some; or why not.

    Returns:
      `dict` of `microseconds` and `loss`, or of `error`.
    """
    found = []
    for seed in range(_REPEATS):
        flow = tff.planar_flow(case["D"], case["K"], dtype=tf.as_dtype(dtype), seed=seed)
        try:
            result = tff.vi.fit_reverse_kl(
                flow,
                target,
                num_steps=case["num_steps"],
                sample_size=case["S"],
                jit_compile=True,
                seed=seed,
                progress_bar=False,
            )
        except (tff.vi.FitError, TypeError, ValueError, tf.errors.OpError) as error:
            return dict(error=f"{type(error).__name__}: {str(error).split('. ')[0]}")
        last = np.mean(np.asarray(result.loss[-100:], np.float64))
        found.append((1e6 * result.train_seconds / case["num_steps"], last))
    times, losses = zip(*found, strict=True)
    return dict(microseconds=statistics.median(times), loss=statistics.median(losses))


def document(found):
    """The table in Markdown."""
    names = found["instructions"]
    known = "unknown" if names is None else ", ".join(names) or "none"
    lines = ["# Half precision", ""]
    lines += [
        f"Vector instructions of the processor, of {', '.join(_INSTRUCTIONS)}: {known}. "
        "Steps of `fit_reverse_kl` by XLA, and the loss in nats, over the last hundred "
        "steps.",
        "",
    ]
    headings = ["", "", "µs per step", "times float32", "loss"]
    rows = []
    for case in found["cases"]:
        sizes = ", ".join(f"{name} = {case['sizes'][name]}" for name in ("K", "D", "S"))
        single = case["fits"]["float32"].get("microseconds")
        for dtype, answer in case["fits"].items():
            if "error" in answer:
                rows.append([sizes, dtype, answer["error"], "", ""])
                continue
            times = answer["microseconds"]
            rows.append(
                [
                    sizes,
                    dtype,
                    number(times),
                    MISSING if single is None else number(times / single, 2),
                    f"{answer['loss']:.3f}",
                ]
            )
    return "\n".join([*lines, *table_lines(headings, rows), ""])


def measure():
    """Fits of each case in each dtype."""
    cases = []
    for sizes in CASES:
        fits = {dtype: fit(sizes, dtype) for dtype in DTYPES}
        cases.append(dict(sizes=sizes, fits=fits))
        print(cases[-1], flush=True)
    return dict(instructions=instructions(), cases=cases)


def main(argv=None):
    """The command."""
    one_table.run(argv, __doc__, "half_precision", measure, document)


if __name__ == "__main__":
    sys.exit(main())
