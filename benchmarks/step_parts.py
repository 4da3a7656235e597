"""Where the time of a small training step goes.

    python -m benchmarks.step_parts

Fits that do more and more of what a step of `fit_reverse_kl` does, each one program of
XLA, in turn; a part takes the difference to the fit before. Beside it, what XLA's own
functions need for the logarithms, exponentials and hyperbolic tangents of a step, at the
rates that this machine shows for them in arrays alone. Writes step_parts.json and
step_parts.md.
"""

import statistics
import sys

import keras
import tensorflow as tf

import tfp_flows as tff
from benchmarks import floor, one_table
from benchmarks.markdown import number
from benchmarks.peers import floor as rates_of
from tfp_flows.experiments.tables import table_lines

# Name of what a fit does more than the one before it.
PARTS = {
    "loop": "loop, Adam, faults, best parameters",
    "normals": "normals",
    "forward": "layers and log-dets",
    "backward": "their gradient",
    "target": "target and its gradient",
}
SIZES = (dict(K=16, D=2, S=500), dict(K=64, D=2, S=500))
_NUM_STEPS, _REPEATS = 10_000, 3

# Of each layer and sample: tanh in the loop of the layers and for the log-det, an
# exponential for its slope, and the logarithm.
_CALLS = dict(tanh=2, exp=1, log=1)


class Part(tff.vi.Objective):
    """The loss of a fit to example1 as far as `part`, with a term of the parameters."""

    def __init__(self, part, sample_size):
        self._parts = list(PARTS)[: list(PARTS).index(part) + 1]
        self._sample_size = sample_size
        self._target = tff.targets.get("example1").unnormalized_log_prob

    def __call__(self, step):
        """The objective at a step."""
        loss = tf.add_n([tf.reduce_sum(v**2) for v in self.flow.trainable_variables])
        if "normals" in self._parts:
            seed = tf.random.experimental.stateless_fold_in(self.seed, step)
            z = self.flow.distribution.sample(self._sample_size, seed=seed)
        if self._parts[-1] == "normals":
            loss += tf.reduce_mean(z)
        if "forward" in self._parts:
            x = self.flow.bijector.forward(z)
            log_det = self.flow.bijector.forward_log_det_jacobian(z)
            value = tf.reduce_mean(x) - tf.reduce_mean(log_det)
            loss += value if "backward" in self._parts else tf.stop_gradient(value)
        if "target" in self._parts:
            loss -= tf.reduce_mean(self._target(x))
        return loss, loss, tf.ones([])


def microseconds(part, sizes, num_steps=_NUM_STEPS, repeats=_REPEATS):
    """Of a step of the fit as far as `part`: the median of some fits."""
    times = []
    for _ in range(repeats):
        result = tff.vi.fit(
            tff.planar_flow(sizes["D"], sizes["K"], seed=0),
            Part(part, sizes["S"]),
            num_steps=num_steps,
            optimizer=keras.optimizers.Adam(1e-5),
            seed=0,
            jit_compile=True,
            progress_bar=False,
        )
        times.append(1e6 * result.train_seconds / num_steps)
    return statistics.median(times)


def document(found):
    """The tables in Markdown."""
    lines = ["# Parts of a step", ""]
    lines += ["Microseconds; what a fit takes longer than the one without that part.", ""]
    headings = ["", *(_label(case["sizes"]) for case in found["cases"])]
    rows = []
    for part, label in PARTS.items():
        rows.append([label, *(number(share(case, part)) for case in found["cases"])])
    totals = [number(case["microseconds"]["target"]) for case in found["cases"]]
    rows.append(["**all**", *totals])
    rows.append(
        [
            "of which tanh, exp and log at XLA's rates",
            *(
                number(_functions(case["sizes"], found["rates"]))
                for case in found["cases"]
            ),
        ]
    )
    rows.append(
        [
            "floor, by the best rates of any form",
            *(number(case["floor"]) for case in found["cases"]),
        ]
    )
    return "\n".join([*lines, *table_lines(headings, rows), ""])


def _label(sizes):
    return ", ".join(f"{name} = {size}" for name, size in sizes.items())


def share(case, part):
    """Microseconds that a part adds to a step."""
    times = list(case["microseconds"].values())
    index = list(PARTS).index(part)
    return times[index] - (times[index - 1] if index else 0.0)


def _functions(sizes, rates):
    """Microseconds of the functions of a step, at rates in billions per second."""
    count = sizes["K"] * sizes["S"]
    return sum(1e-3 * times * count / rates[name] for name, times in _CALLS.items())


def measure():
    """Fits as far as each part, at each size, and the rates of this machine."""
    xla = rates_of.xla_rates(0.5)
    best = floor.best_of([xla, rates_of.numpy_rates(0.5)])
    cases = []
    for sizes in SIZES:
        times = {part: microseconds(part, sizes) for part in PARTS}
        bound, _ = floor.floor_microseconds(sizes, best)
        cases.append(dict(sizes=sizes, microseconds=times, floor=bound))
        print(cases[-1], flush=True)
    return dict(rates=xla, cases=cases)


def main(argv=None):
    """The command."""
    one_table.run(argv, __doc__, "step_parts", measure, document)


if __name__ == "__main__":
    sys.exit(main())
