"""Findings on a configuration that ``nginx -t`` accepts."""
