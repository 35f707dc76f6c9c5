"""What the documentation of actions that work on the controller alone has in common."""

from __future__ import annotations


class ModuleDocFragment:
    """Attributes of ``sluice.nginx.controller``."""

    DOCUMENTATION = r"""
attributes:
  check_mode:
    description: It works on the controller and changes no host, so check mode makes no difference.
    support: full
  diff_mode:
    description: There is nothing to compare. M(sluice.nginx.rollout) with the step V(preflight) shows how trees differ.
    support: none
"""
