"""Evidence of the canary: visitors of switched hosts against visitors of hosts that are not, in the same minutes."""
