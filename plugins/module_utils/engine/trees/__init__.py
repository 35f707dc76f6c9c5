"""Trees on disk: bundles, installed releases, and the link that says which one is live."""
