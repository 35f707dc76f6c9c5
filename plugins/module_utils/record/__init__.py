"""The record of a run for those who read it later: its schema, and the files that are made from it."""
