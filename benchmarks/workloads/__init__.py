"""The work that `python -m benchmarks` measures, by name."""

from benchmarks.workloads import (
    chunks,
    external_log_prob,
    floor,
    large_step_time,
    memory,
    restarts,
    second_start,
    step_time,
    throughput,
    wall_time,
)

WORKLOADS = {
    module.WORKLOAD.name: module.WORKLOAD
    for module in (
        step_time,
        wall_time,
        second_start,
        large_step_time,
        memory,
        throughput,
        external_log_prob,
        restarts,
        chunks,
        floor,
    )
}
