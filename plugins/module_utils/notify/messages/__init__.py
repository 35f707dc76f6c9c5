"""Renders messages about a run, for the team and for customers, from its summary."""
