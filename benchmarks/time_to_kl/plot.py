"""The figure: KL over seconds, a panel per target."""

from benchmarks.time_to_kl.contestants import CONTESTANTS
from benchmarks.time_to_kl.densities import DENSITIES
from benchmarks.time_to_kl.tables import points, thresholds
from tfp_flows.plotting.figures import save_figure
from tfp_flows.plotting.style import COLORS

_BLUE, _VERMILION, _GREEN, _PURPLE, _ORANGE, _SKY = COLORS
_LIBRARY_COLORS = dict(
    tfp_flows=_VERMILION,
    FlowJAX=_BLUE,
    zuko=_GREEN,
    normflows=_PURPLE,
    NumPyro=_ORANGE,
    PyMC=_SKY,
)
_MARKERS = "oposD^vPXsDsDv^*"
# What is farther or nearer is drawn at these edges, as their ticks say.
_FARTHEST, _NEAREST = 3.0, 0.0015


def write(path, rows):
    """Draws the median distance over the median seconds, on log scales.

    Args:
      path: PNG file, replaced as a whole.
      rows: the results.
    """
    targets = [name for name in DENSITIES if any(row["target"] == name for row in rows)]
    # Rows that are full, where that can be.
    num_columns = 2 if len(targets) == 4 else 3
    num_rows = -(-len(targets) // num_columns)

    def draw_all(figure):
        grid = figure.subplots(num_rows, num_columns, sharex=True, squeeze=False)
        for ax in grid.flat[len(targets) :]:
            ax.remove()
        for ax, target in zip(grid.flat, targets, strict=False):
            draw(ax, rows, target)
        handles = {}
        for ax in grid.flat:
            for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
                handles.setdefault(label, handle)
        order = [c.label for c in CONTESTANTS.values() if c.label in handles]
        for ax in grid[:, 0]:
            ax.set_ylabel("KL (nats), median over seeds")
        for i, ax in enumerate(grid.flat[: len(targets)]):
            if i + num_columns >= len(targets):  # nothing below
                ax.set_xlabel("seconds from process start")
                ax.tick_params(labelbottom=True)
        figure.legend(
            [handles[label] for label in order],
            order,
            loc="outside lower center",
            ncols=3,
            fontsize=9.5,
        )

    save_figure(path, draw_all, (9.0, 1.6 + 2.9 * num_rows))


def draw(ax, rows, target):
    """A line per contestant through its budgets."""
    distances = []
    for (name, contestant), marker in zip(CONTESTANTS.items(), _MARKERS, strict=True):
        found = points(rows, target, name)
        if not found:
            continue
        distances += [point["distance"] for point in found]
        is_ours = contestant.worker == "ours"
        ax.plot(
            [point["seconds"] for point in found],
            [min(max(point["distance"], _NEAREST), _FARTHEST) for point in found],
            marker=marker,
            markersize=7 if is_ours else 5,
            linewidth=2.5 if is_ours else 1.2,
            linestyle="--" if name == "autoregressive" else "-",
            color=_LIBRARY_COLORS[contestant.library],
            markerfacecolor="white" if name == "autoregressive" else None,
            label=contestant.label,
            zorder=3 if is_ours else 2,
            clip_on=False,
        )
    is_posterior = DENSITIES[target].log_normalizer is None
    ax.set(xscale="log", yscale="log", ylim=(_NEAREST, _FARTHEST), title=target)
    if is_posterior:
        ax.set_ylabel("worst error of a moment")
    ax.set_xticks([5, 10, 20, 40, 80, 160], ["5", "10", "20", "40", "80", "160"])
    ax.xaxis.minorticks_off()
    ticks = {tick: f"{tick:g}" for tick in (*thresholds(target), 1.0)}
    if any(distance > _FARTHEST for distance in distances):
        ticks[_FARTHEST] = f"≥ {_FARTHEST:g}"
    if any(distance < _NEAREST for distance in distances):
        ticks[_NEAREST] = f"≤ {_NEAREST:g}"
    ax.set_yticks(list(ticks), list(ticks.values()))
    ax.yaxis.minorticks_off()
    ax.grid(True, which="major", alpha=0.3)
