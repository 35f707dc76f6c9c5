"""Faults of nginx itself.

For the nginx of the hosts, or the one of staging where no host was asked.
"""
