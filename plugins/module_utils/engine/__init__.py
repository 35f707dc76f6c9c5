"""What runs on a host, shipped by ``remote.py`` as package ``sluice``: standard library only, Python 3.8 or newer."""

from __future__ import annotations

__all__ = ["MARKER"]

MARKER = "SLUICE-ANSWER "
"""Begins the line of the answer, so that banners and the noise of sudo around it do no harm."""
