"""The version, read by setup.py without importing TensorFlow."""

__version__ = "0.2.0"
