# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action of the same name, which asks the engines on the hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: trust
short_description: Tells hosts who may sign for them, and installs their own engine
version_added: 0.1.0
description:
  - From then on a host takes only what one of those in O(allowed_signers) has signed, and only for its inventory.
  - Installs C(/usr/local/sbin/sluice-engine), the host's own engine, for a forced command of sshd or a line of sudoers.
    A host that is reached so (C(rollout_engine_command)) takes new signers and a new engine with a signature only.
options:
  allowed_signers:
    description: A file with a line for each who may sign, C(NAME KEY), relative to the project.
    type: str
    required: true
  inventory:
    description: The name of the inventory to which the hosts belong. What is signed for another one, they refuse.
    type: str
    required: true
  policy:
    description:
      - What hosts ask of a release beside its receipt. C(approvals) says how many of C(approvers) have to sign, and the
        same two of C(emergency), who override the rest.
      - C(windows) have C(days), C(from) and C(to), C(freezes) have C(from), C(to) and C(reason), in UTC. C(soaked) is
        as C(gates_soaked).
      - Empty leaves the policy that a host has; one with no approvals, windows, freezes and soaking asks for nothing.
    type: dict
    default: {}
  forget:
    description: Whether the hosts forget the newest receipt that they took, where the clock of a controller ran ahead.
    type: bool
    default: false
  signing_key:
    description: The SSH key that signs for hosts that are reached by their own engine, relative to the project.
    type: str
    default: ""
attributes:
  check_mode:
    description: Only says what would be changed.
    support: full
  diff_mode:
    description: The result names the paths that change.
    support: none
extends_documentation_fragment: [sluice.nginx.packages]
author: Sluice (!UNKNOWN)
"""

EXAMPLES = r"""
- name: The hosts know who may sign
  sluice.nginx.trust:
    allowed_signers: allowed_signers
    inventory: production
"""

RETURN = r"""
inventory:
  description: The name that the hosts were told.
  type: str
  returned: always
hosts:
  description: For each host, the paths that changed.
  type: dict
  returned: always
"""
