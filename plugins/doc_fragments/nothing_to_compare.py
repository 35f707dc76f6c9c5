"""What the documentation of actions shares that change no text."""

from __future__ import annotations


class ModuleDocFragment:
    """An attribute of ``sluice.nginx.nothing_to_compare``."""

    DOCUMENTATION = r"""
attributes:
  diff_mode:
    description: There is nothing to compare.
    support: none
"""
