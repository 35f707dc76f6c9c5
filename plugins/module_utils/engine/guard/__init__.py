"""What takes a release on trial back by itself, when the run that brought it gives no sign of life any more."""
