"""The one door: what is shown, recorded or sent leaves through it, without secrets and without control characters."""
