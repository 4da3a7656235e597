"""The notebooks, and what runs them all; `python -m notebooks` does."""
