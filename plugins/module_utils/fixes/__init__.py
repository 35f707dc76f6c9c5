"""Fixes of findings that a program can make: which lines, and in which files of the user they stand."""
