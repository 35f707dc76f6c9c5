"""What rolls a pending release back by itself, when the run that brought it gives no heartbeat any more."""
