"""Fits the flow whose `log_prob` of given points is timed, and stores its numbers.

python -m benchmarks.fitted_flow
"""

import tfp_flows as tff
from benchmarks.peers.given_points import FLOW
from tfp_flows import files


def main():
    """Writes the file."""
    target = tff.targets.get("example1")
    flow = tff.planar_flow(2, 16, seed=0)
    result = tff.vi.fit_reverse_kl(flow, target, seed=0, progress_bar=False)
    report = tff.diagnostics.evaluate(result, target, seed=1)
    numbers = dict(u=flow.bijector.u, w=flow.bijector.w, b=flow.bijector.b)
    arrays = {name: value.numpy().tolist() for name, value in numbers.items()}
    files.write_json(FLOW, dict(arrays, kl=float(report.kl), verdict=report.verdict))
    print(report)


if __name__ == "__main__":
    main()
