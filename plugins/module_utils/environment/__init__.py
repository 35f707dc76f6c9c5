"""What staging puts around a release so that its bytes run unchanged."""
