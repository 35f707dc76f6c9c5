"""The gates, one file each: the file's name is the gate's name. See ``verdicts.model`` for the interface."""
