"""Documentation of the action of the same name; it runs on the controller alone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: status
short_description: Shows what the hosts serve
version_added: 0.1.0
description:
  - Puts what M(sluice.nginx.host) with the phase C(status) registered on the hosts of the play into one table, and
    tells the last events of each host, its drift and its faults in words.
options:
  registered:
    description: The name of the variable that the answers were registered as.
    type: str
    required: true
  format:
    description: A table for people, or JSON for machines.
    type: str
    choices: [table, json]
    default: table
extends_documentation_fragment: [sluice.nginx.controller]
author: Sluice
"""

EXAMPLES = r"""
- name: The fleet is shown
  sluice.nginx.status:
    registered: rollout_status
  run_once: true
"""

RETURN = r"""
answers:
  description: What each host said of itself.
  type: dict
  returned: always
"""
