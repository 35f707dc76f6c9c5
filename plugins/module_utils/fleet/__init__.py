"""The fleet in a run: what its hosts were asked and said, and what is done to them next."""
