"""What the modules share that ask two releases the same requests: where these come from, and how many they are."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of ``sluice.nginx.requests``."""

    DOCUMENTATION = r"""
options:
  replay_log:
    description: An access log (combined or JSON, also as C(.gz)), relative to the project, whose requests are asked
      of both releases in staging.
    type: str
    default: ""
  replay_requests:
    description: How many different requests are taken from the log.
    type: int
    default: 200
  behaviour_requests:
    description: How many requests the gate C(behaviour) asks at most. Servers and locations that changed come first.
    type: int
    default: 2500
"""
