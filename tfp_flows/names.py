"""Names that are needed before TensorFlow is loaded."""

# Keys of `tff.bijectors.FAMILIES`; of each, `tff` has a builder, such as `planar_flow`.
FAMILIES = ("planar", "radial", "sylvester", "autoregressive")
