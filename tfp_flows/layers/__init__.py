"""Flows as Keras 3 layers, amortised or shared.

`tfp.layers` is of Keras 2 (tf_keras), and does not mix with these. There, a flow per data
point comes out of a `DistributionLambda` on K (2 D + 1) outputs of a network:

```python
def planar_flow_of(parameters):
    u, w, b = tf.split(parameters, [K * D, K * D, K], axis=-1)
    u, w = (tf.reshape(p, [-1, K, D]) for p in (u, w))
    base = tfd.Sample(tfd.Normal(tf.zeros_like(b[:, 0]), 1.0), sample_shape=[D])
    return tfd.TransformedDistribution(base, tff.bijectors.PlanarStack(u, w, b))

model = tf_keras.Sequential([
    tf_keras.layers.Dense(16, activation="tanh"),
    tf_keras.layers.Dense(K * (2 * D + 1)),
    tfp.layers.DistributionLambda(planar_flow_of),
])
model.compile("adam", loss=lambda y, q: -q.log_prob(y))
```
"""

import keras

from tfp_flows.layers import families
from tfp_flows.layers.amortized import Amortized
from tfp_flows.layers.families import *  # noqa: F403
from tfp_flows.layers.shared import Shared

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "tfp_flows.layers needs Keras with the TensorFlow backend, but Keras runs on "
        f"{keras.backend.backend()}; set the environment variable "
        "KERAS_BACKEND=tensorflow before the first import of keras."
    )

__all__ = ["Amortized", "Shared"]
__all__ += families.__all__
__all__.sort()
