"""Numerics that the flows share: constraints, stable log-dets, safe norms, roots."""

from tfp_flows.numerics.arrays import (
    CONVERSION_ERRORS,
    as_array,
    check_finite_points,
    check_not_masked,
    check_weights,
)
from tfp_flows.numerics.batches import FEW_POINTS, MOST_POINTS, in_batches
from tfp_flows.numerics.chain_statistics import (
    autocorrelation,
    bulk_ess,
    load_arviz,
    split_rhat,
)
from tfp_flows.numerics.checks import (
    check_callable,
    check_choice,
    check_flag,
    check_name,
    check_number,
    check_positive,
    check_shape,
    check_size,
)
from tfp_flows.numerics.constraints import log_softplus, softplus_minus_one
from tfp_flows.numerics.hyperbolic import tanh_and_slope, tanh_remainder
from tfp_flows.numerics.importance_weights import (
    LARGEST_KHAT,
    draw_rows,
    pareto_khat,
    psis,
)
from tfp_flows.numerics.log_det import blend, log_blend
from tfp_flows.numerics.monotone_root import monotone_root
from tfp_flows.numerics.norm import divide_by_squared_norm, safe_norm, unit_vector
from tfp_flows.numerics.normal import (
    standard_normal,
    stateless_normal,
    stateless_uniform,
)
from tfp_flows.numerics.seeds import (
    check_int_seed,
    numpy_generator,
    stateless_seed,
    unsigned_seed,
)
from tfp_flows.numerics.shapes import (
    broadcast_batches,
    strictly_lower,
    sum_last_axis,
    sum_layers,
    sum_to_shape_of,
)
from tfp_flows.numerics.tensors import (
    as_parameter,
    check_batches,
    check_dtype,
    check_event_size,
    check_finite,
    check_same_event,
    common_dtype,
    epsilon,
    has_only_cpus,
    is_live,
)

__all__ = [
    "CONVERSION_ERRORS",
    "FEW_POINTS",
    "LARGEST_KHAT",
    "MOST_POINTS",
    "as_array",
    "as_parameter",
    "autocorrelation",
    "blend",
    "broadcast_batches",
    "bulk_ess",
    "check_batches",
    "check_callable",
    "check_choice",
    "check_dtype",
    "check_event_size",
    "check_finite",
    "check_finite_points",
    "check_flag",
    "check_int_seed",
    "check_name",
    "check_not_masked",
    "check_number",
    "check_positive",
    "check_same_event",
    "check_shape",
    "check_size",
    "check_weights",
    "common_dtype",
    "divide_by_squared_norm",
    "draw_rows",
    "epsilon",
    "has_only_cpus",
    "in_batches",
    "is_live",
    "load_arviz",
    "log_blend",
    "log_softplus",
    "monotone_root",
    "numpy_generator",
    "pareto_khat",
    "psis",
    "safe_norm",
    "softplus_minus_one",
    "split_rhat",
    "standard_normal",
    "stateless_normal",
    "stateless_seed",
    "stateless_uniform",
    "strictly_lower",
    "sum_last_axis",
    "sum_layers",
    "sum_to_shape_of",
    "tanh_and_slope",
    "tanh_remainder",
    "unit_vector",
    "unsigned_seed",
]
