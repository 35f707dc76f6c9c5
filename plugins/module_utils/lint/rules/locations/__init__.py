"""Which location answers, and from where."""
