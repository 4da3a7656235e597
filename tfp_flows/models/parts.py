"""The layers that models are made of: by name or given, and checked."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras

from tfp_flows.layers import Amortized, Shared
from tfp_flows.models import likelihoods, networks

_ENCODERS: dict[str, Callable] = {
    "mlp": networks.mlp_encoder,
    "gated_conv": networks.gated_conv_encoder,
}
_DECODERS: dict[str, Callable] = {
    "mlp": networks.mlp_decoder,
    "gated_conv": networks.gated_conv_decoder,
}
_LIKELIHOODS: dict[str, Callable] = {
    "bernoulli": likelihoods.BernoulliLikelihood,
    "gaussian": likelihoods.GaussianLikelihood,
    "categorical": likelihoods.CategoricalLikelihood,
}


def resolve_likelihood(
    likelihood: str | likelihoods.Likelihood, *, dtype: str
) -> likelihoods.Likelihood:
    """The likelihood that `likelihood` names or is, built.

    Raises:
      TypeError: if it is neither a name nor a `Likelihood`.
      ValueError: if the name is unknown.
    """
    if isinstance(likelihood, str):
        build = _by_name("likelihood", likelihood, _LIKELIHOODS)
        likelihood = build(dtype=dtype, name="likelihood")
    if not isinstance(likelihood, likelihoods.Likelihood):
        raise TypeError(
            f"`likelihood` must be {', '.join(map(repr, _LIKELIHOODS))} or a "
            f"tff.models.Likelihood, but got {likelihood!r}."
        )
    if not likelihood.built:
        likelihood.build(())
    return likelihood


def resolve_encoder(
    encoder: str | keras.Layer,
    image_shape: tuple[int, ...],
    *,
    seed: int,
    dtype: keras.DTypePolicy,
) -> tuple[keras.Layer, int]:
    """The encoder that `encoder` names or is, and the size H of its features.

    Args:
      encoder: "mlp", "gated_conv", or a Keras layer.
      image_shape: tuple.
      seed: `int`, of the initial weights.
      dtype: dtype policy of a network built here.

    Returns:
      The layer, built, and H.

    Raises:
      TypeError: if `encoder` is neither a name nor a layer.
      ValueError: if the name is unknown, or the features are no vectors.
    """
    if isinstance(encoder, str):
        build = _by_name("encoder", encoder, _ENCODERS)
        encoder = build(image_shape, seed=seed, dtype=dtype)
    return encoder, features_size("encoder", "images", encoder, image_shape)


def features_size(
    role: str, inputs: str, network: keras.Layer, input_shape: tuple[int, ...]
) -> int:
    """The size H of the features of a network, which is built.

    Args:
      role: the argument that the network was given as, for the messages.
      inputs: what it takes, for the messages.
      network: Keras layer.
      input_shape: shape of one input.

    Raises:
      TypeError: if `network` is no layer.
      ValueError: if the features are no vectors.
    """
    _check_layer(role, network)
    shape = tuple(network(keras.KerasTensor([None, *input_shape])).shape)
    if len(shape) != 2 or shape[-1] is None:
        raise ValueError(
            f"`{role}` must map {inputs} to features [B, H], but maps "
            f"{(None, *input_shape)} to {shape}; end it with a Flatten or pooling layer."
        )
    return shape[-1]


def resolve_decoder(
    decoder: str | keras.Layer,
    latent_size: int,
    image_shape: tuple[int, ...],
    num_outputs: int,
    *,
    seed: int,
    dtype: keras.DTypePolicy,
) -> keras.Layer:
    """The decoder that `decoder` names or is.

    Args:
      decoder: "mlp", "gated_conv", or a Keras layer.
      latent_size: D.
      image_shape: tuple.
      num_outputs: outputs per pixel.
      seed: `int`, of the initial weights.
      dtype: dtype policy of a network built here.

    Returns:
      The layer, built.

    Raises:
      TypeError: if `decoder` is neither a name nor a layer.
      ValueError: if the name is unknown, or the outputs do not make an image.
    """
    if isinstance(decoder, str):
        build = _by_name("decoder", decoder, _DECODERS)
        decoder = build(
            latent_size, image_shape, num_outputs=num_outputs, seed=seed, dtype=dtype
        )
    _check_layer("decoder", decoder)
    shape = tuple(decoder(keras.KerasTensor([None, latent_size])).shape)
    expected = networks.outputs_shape(image_shape, num_outputs)
    if shape[1:] not in (expected, (math.prod(expected),)):
        raise ValueError(
            f"`decoder` must map latent vectors [B, {latent_size}] to outputs of shape "
            f"{expected}, for images of shape {image_shape}, but its output has shape "
            f"{shape}; give it {math.prod(expected)} outputs."
        )
    return decoder


def _by_name(role: str, name: str, builders: dict[str, Callable]) -> Callable:
    if name not in builders:
        raise ValueError(
            f"Unknown {role} {name!r}; the known ones are {', '.join(builders)}, and a "
            "Keras layer or model of your own."
        )
    return builders[name]


def _check_layer(role: str, layer: object) -> None:
    if not isinstance(layer, keras.Layer):
        raise TypeError(
            f"`{role}` must be a name or a Keras layer or model, but got {layer!r}."
        )


def check_flow(flow: keras.Layer | None) -> tuple[Any, bool]:
    """Returns `flow`, and whether it takes z0 alone, without features.

    Raises:
      TypeError: if `flow` is neither `None` nor a layer.
    """
    if flow is None:
        return None, False
    if not isinstance(flow, keras.Layer):
        raise TypeError(
            "`flow` must be None or a Keras layer, such as "
            f"tff.layers.AmortizedPlanar(4), but got {flow!r}."
        )
    return flow, isinstance(flow, Shared)


def check_flow_layers(flow_layers: Sequence[keras.layers.Layer]) -> None:
    """Raises unless these are layers with a bijector, of one dtype."""
    if not flow_layers:
        raise ValueError("`flow_layers` must have at least one flow layer, but is empty.")
    for layer in flow_layers:
        if not isinstance(layer, keras.layers.Layer) or not hasattr(
            type(layer), "bijector"
        ):
            raise TypeError(
                "`flow_layers` must be shared flow layers with a `bijector`, such as "
                f"tff.layers.SharedPlanar(16), but got {layer!r}."
            )
    dtypes = {layer.variable_dtype for layer in flow_layers}
    if len(dtypes) > 1:
        raise TypeError(
            f"`flow_layers` must share one dtype, but have {', '.join(sorted(dtypes))}; "
            "pass the same `dtype` to each."
        )


def amortized_layers(layers: Any, dtype: str) -> list[Amortized]:
    """The layers, one or several, as a list.

    Raises:
      TypeError: unless they are amortised flow layers of the dtype.
    """
    layers = list(layers) if isinstance(layers, list | tuple) else [layers]
    for layer in layers:
        if not isinstance(layer, Amortized):
            raise TypeError(
                "`flow_layers` must be amortised flow layers, such as "
                f"tff.layers.AmortizedPlanar(8), but got {layer!r}."
            )
        if layer.variable_dtype != dtype:
            raise TypeError(
                f"`flow_layers` must have the dtype of the model, {dtype}, but "
                f"{layer.name!r} has {layer.variable_dtype}; pass the same `dtype` to "
                "each."
            )
    return layers
