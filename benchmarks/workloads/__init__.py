"""The work that `python -m benchmarks` measures, by name."""

from benchmarks.workloads import (
    chunks,
    external_log_prob,
    floor,
    large_step_time,
    memory,
    restarts,
    step_time,
    throughput,
    wall_time,
)

WORKLOADS = {
    module.WORKLOAD.name: module.WORKLOAD
    for module in (
        step_time,
        wall_time,
        large_step_time,
        memory,
        throughput,
        external_log_prob,
        restarts,
        chunks,
        floor,
    )
}
