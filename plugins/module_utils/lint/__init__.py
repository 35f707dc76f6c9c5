"""Findings on a configuration that nginx itself is content with."""
