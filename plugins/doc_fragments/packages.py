"""What the documentation of all actions has in common: where they run, and what they need there."""

from __future__ import annotations


class ModuleDocFragment:
    """Requirements of ``sluice.nginx.packages``."""

    DOCUMENTATION = r"""
options: {}
requirements:
  - The packages of the collection's C(requirements.txt) and C(bindep.txt), on the controller.
"""
