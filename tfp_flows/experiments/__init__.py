"""Experiments: a configuration in, files out; a module for each.

They are imported one by one, as each needs other packages: Matplotlib, Keras, ArviZ.
"""
