"""Hosts that nobody reaches: a timer looks for the published release, and the host tries it as one that was pushed."""
