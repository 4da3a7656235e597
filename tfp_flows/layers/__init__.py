"""Flows as Keras 3 layers, amortised or shared, and a Keras model that trains a flow."""

import keras

from tfp_flows.layers.amortized import (
    AmortizedPlanar,
    AmortizedRadial,
    AmortizedSylvester,
)
from tfp_flows.layers.flow_model import FlowModel
from tfp_flows.layers.shared import SharedPlanar, SharedRadial, SharedSylvester

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "tfp_flows.layers needs Keras with the TensorFlow backend, but Keras runs on "
        f"{keras.backend.backend()}; set the environment variable "
        "KERAS_BACKEND=tensorflow before the first import of keras."
    )

__all__ = [
    "AmortizedPlanar",
    "AmortizedRadial",
    "AmortizedSylvester",
    "FlowModel",
    "SharedPlanar",
    "SharedRadial",
    "SharedSylvester",
]
