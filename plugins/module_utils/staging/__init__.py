"""Staging: the containers in which gates run a release."""
