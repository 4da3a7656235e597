"""Evidence for the default recipe of `tff.vi.fit_reverse_kl`."""
