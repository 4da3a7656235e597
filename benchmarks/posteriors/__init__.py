"""Real posteriors as joint distributions, with reference moments of their parameters."""
