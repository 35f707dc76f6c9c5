"""What the documentation of actions shares that ask hosts and change nothing on them."""

from __future__ import annotations


class ModuleDocFragment:
    """Attributes of ``sluice.nginx.looking``."""

    DOCUMENTATION = r"""
attributes:
  check_mode:
    description: Works as always, since nothing is changed.
    support: full
  diff_mode:
    description: There is nothing to show, since nothing is changed.
    support: none
"""
