"""Measurements of tfp_flows beside other libraries; `python -m benchmarks` runs them."""
