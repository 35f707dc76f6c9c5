# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action of the same name; it runs on the controller alone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: approve
short_description: Signs that a person approves the releases of a run
version_added: 0.1.0
description:
  - Signs, with the key of a person, each release that passed the gates in a run, for an inventory. The signature binds
    its files and its checks, and lies beside the release on the controller.
  - A deployment of the same release takes it along. Hosts whose policy asks for approvals (C(rollout_policy)) count
    them.
options:
  run:
    description: The run, by its id or the beginning of it.
    type: str
    required: true
  key:
    description: The SSH key of the person, or the public one of a key in ssh-agent, relative to the project.
    type: str
    required: true
  inventory:
    description: The name of the inventory that it is approved for.
    type: str
    required: true
  hours:
    description: For how many hours the approval is good, a month at most.
    type: float
    default: 72
  emergency:
    description: The reason for which it is approved as an emergency, by one who may sign those. Gates need not have
      passed.
    type: str
    default: ""
attributes:
  check_mode:
    description: Nothing is signed.
    support: full
extends_documentation_fragment: [sluice.nginx.nothing_to_compare, sluice.nginx.packages]
author: Sluice (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Approve what passed last
  sluice.nginx.approve:
    run: 20261129T1033
    key: ~/.ssh/id_ed25519
    inventory: production
"""

RETURN = r"""
run:
  description: The id of the run.
  type: str
  returned: success
releases:
  description: The releases that are approved.
  type: list
  elements: str
  returned: success
"""
