"""Inputs that are wrong in every way: arguments, and files."""
