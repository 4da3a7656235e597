"""A lower bound for the time of a training step, from this machine's own rates.

    python -m benchmarks --only floor step-time large-step-time

One step of K planar layers, D dimensions, S samples, in float32, by the cheaper of two
forms, the compact one and layer by layer:

```none
multiply-adds, matrix   3 * 2 S D K        compact: A = Z W^T and x = Z + tanh(s) U_hat;
                                           the backward pass does each of them twice
multiply-adds, other    3 * S K^2 / 2      compact: s_k = A_k + sum_{j<k} G_kj tanh(s_j),
                                           and twice that backward
                        3 * 2 S D K        by layer: s = w . z + b and z + u_hat tanh(s),
                                           and twice that backward
                        20 S K             log-det, its gradient, tanh', sums
                        10 K (2 D + 1)     Adam
tanh                    S K                one per layer and sample
log, exp                S K + 2 S, S K + S the log-det's, and the target's
normals                 S D
bytes                   4 (8 S K + 8 S D)  s, tanh(s) and their gradients, z, x and
                                           theirs, each written once and read once
```

The floor is the larger of two times: that of all operations, each at the best rate that
this machine showed for it in any form, and that of the bytes at the bandwidth of a
large copy. It supposes that nothing waits: no step can be faster that does this work
with these rates on the threads that they were measured with.
"""

from benchmarks.markdown import MISSING, number
from tfp_flows.experiments.tables import table_lines

# Which sizes and which workload's measurement they belong to.
_STEPS = {
    "K = 16, D = 2, S = 500": (dict(K=16, D=2, S=500), "step-time", "K = 16"),
    "K = 32, D = 512, S = 1,024": (
        dict(K=32, D=512, S=1024),
        "large-step-time",
        "D = 512",
    ),
}


def counts(K, D, S, is_compact=True):
    """Units of work of one step, by the name of their rate; see the module."""
    by_form = 1.5 * S * K**2 if is_compact else 6 * S * D * K
    return dict(
        matmul=6 * S * D * K if is_compact else 0,
        multiply_adds=by_form + 20 * S * K + 10 * K * (2 * D + 1),
        tanh=S * K,
        log=S * K + 2 * S,
        exp=S * K + S,
        normals=S * D,
        copied_bytes=4 * (8 * S * K + 8 * S * D),
    )


def best_rates(cases):
    """The best rate of each unit over NumPy and TensorFlow, in units per second."""
    return best_of([entries["floor"]["median"] for entries in cases.values()])


def best_of(found):
    """The same of `dict`s of rates in billions per second."""
    return {name: 1e9 * max(rates[name] for rates in found) for name in counts(1, 1, 1)}


def step_microseconds(work, rates):
    """The lower bound of a step of this work, and the time of each unit."""
    times = {name: 1e6 * amount / rates[name] for name, amount in work.items()}
    operations = sum(t for name, t in times.items() if name != "copied_bytes")
    return max(operations, times["copied_bytes"]), times


def floor_microseconds(sizes, rates):
    """That of the cheaper form, for K, D and S."""
    forms = [counts(**sizes, is_compact=is_compact) for is_compact in (True, False)]
    return min((step_microseconds(work, rates) for work in forms), key=lambda t: t[0])


def section(found):
    """Markdown: the floor of two steps, and how far above it the measured times are."""
    cases = found["floor"]["cases"]
    if any("error" in e for entries in cases.values() for e in entries.values()):
        return "The floor is unknown: its measurement failed.\n"
    rates = best_rates(cases)
    rows = []
    for label, (sizes, workload, case) in _STEPS.items():
        bound, times = floor_microseconds(sizes, rates)
        entries = found.get(workload, {}).get("cases", {}).get(case, {})
        entry = entries.get("ours", {"median": {}})
        measured = entry["median"].get("microseconds_per_step")
        # The bytes move while operations run: the floor is one or the other.
        parts = {k: t for k, t in times.items() if k != "copied_bytes"}
        largest = sorted(parts, key=parts.get, reverse=True)[:3]
        rows.append(
            [
                label,
                number(bound),
                number(sum(parts.values())),
                ", ".join(f"{name} {number(parts[name], 2)}" for name in largest),
                number(times["copied_bytes"]),
                MISSING if measured is None else number(measured),
                MISSING if measured is None else f"{number(measured / bound, 2)}x",
            ]
        )
    headings = ["step", "floor, µs", "operations, µs", "largest of them", "bytes, µs"]
    headings += ["measured, µs", "over the floor"]
    lines = ["## Floor of a training step", ""]
    lines += [
        "The larger of two times, that of all operations and that of all bytes, as "
        "`benchmarks/floor.py` counts them.",
        "",
    ]
    lines += table_lines(headings, rows)
    return "\n".join(lines)
