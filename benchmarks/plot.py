"""The figure of step times."""

import io

from benchmarks.registry import PEERS
from benchmarks.workloads import WORKLOADS
from tfp_flows import files

_PANELS = (
    ("step-time", "K", "layers K", "D = 2, S = 500"),
    ("large-step-time", "D", "event size D", "K = 32, S = 1,024"),
)
# Colour-blind safe (Okabe & Ito); one per peer in both panels.
_COLORS = {
    "ours": "#d55e00",
    "flowjax_scan": "#0072b2",
    "flowjax_fit": "#56b4e9",
    "tfb_chain_xla": "#009e73",
    "tfb_chain": "#000000",
    "tf1_graph": "#999999",
    "normflows": "#cc79a7",
    "pyro": "#e69f00",
}


# Points, so that text is readable where the figure is shown half as wide.
_FONT_SIZE = 13


def write(path, found):
    """Draws microseconds per training step over K and over D, on log scales.

    Args:
      path: PNG file, replaced as a whole.
      found: results as `results.read` returns them.

    Returns:
      Whether there was anything to draw.
    """
    panels = [panel for panel in _PANELS if panel[0] in found]
    if not panels:
        return False
    # Imported late: the parent process stays small while workers are measured.
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    with matplotlib.rc_context({"font.size": _FONT_SIZE}):
        figure = draw_all(panels, found)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=150, bbox_inches="tight")
        plt.close(figure)
    with files.replacing(path) as file:
        file.write(buffer.getvalue())
    return True


def draw_all(panels, found):
    """The figure, its legend below the panels."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        1, len(panels), figsize=(5.5 * len(panels), 4.2), squeeze=False
    )
    for ax, (name, key, label, title) in zip(axes[0], panels, strict=True):
        # The scale first: it sets ticks of its own.
        ax.set(xscale="log", yscale="log", xlabel=label, title=title)
        draw(ax, WORKLOADS[name], found[name]["cases"], key)
        ax.grid(True, which="major", alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set_ylabel("µs per training step", labelpad=8)
    legend = {}
    for ax in axes[0]:
        for handle, text in zip(*ax.get_legend_handles_labels(), strict=True):
            legend.setdefault(text, handle)
    figure.tight_layout()
    figure.legend(
        legend.values(),
        legend,
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        ncols=len(panels) + 1,
        frameon=False,
    )
    return figure


def draw(ax, workload, cases, key):
    """One line per peer, of the cases that ran when the reference did."""
    ticks = [parameters[key] for parameters in workload.cases.values()]
    reference = workload.peers[0]
    for peer in reversed(workload.peers):
        points = []
        for case, parameters in workload.cases.items():
            entries = cases.get(case, {})
            median = entries.get(peer, {}).get("median", {})
            if "microseconds_per_step" in median and (
                reference not in entries
                or entries[peer]["date"] == entries[reference]["date"]
            ):
                points.append((parameters[key], median["microseconds_per_step"]))
        if points:
            ax.plot(
                *zip(*points, strict=True),
                marker="o",
                markersize=4,
                linewidth=2.5 if peer == "ours" else 1.3,
                color=_COLORS[peer],
                label=PEERS[peer].label.strip("*"),
            )
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.xaxis.minorticks_off()
