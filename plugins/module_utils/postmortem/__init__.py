"""The postmortem of a run, or of a window of time, drafted from what is recorded."""
