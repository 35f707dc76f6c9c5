"""Which server answers."""
