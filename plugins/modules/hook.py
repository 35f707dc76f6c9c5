# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action of the same name; it runs on the controller alone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: hook
short_description: Notes what became of a hook of a roll-out
version_added: 0.1.0
description:
  - The role C(rollout) runs files of tasks of the user before and after a host, a wave and the run. This writes to the
    journal of the run how they ended. A hook that failed, or did not come to its end, stops the run, and every host is
    rolled back.
options:
  run:
    description: The result of M(sluice.nginx.run_start).
    type: dict
    required: true
  name:
    description: The hook, as C(before_host).
    type: str
    required: true
  hosts:
    description: The hosts that it ran on; none for a hook of a wave or of the run.
    type: list
    elements: str
    default: []
  state:
    description: V(begun) before it, V(ended) after it, V(held) notes a failure for each host on which it did not end.
    type: str
    choices: [begun, ended, held]
    default: ended
  problem:
    description: Why it failed; empty where it did not.
    type: str
    default: ""
attributes:
  check_mode:
    description: No hook runs in check mode.
    support: full
extends_documentation_fragment: [sluice.nginx.nothing_to_compare, sluice.nginx.packages]
author: Sluice (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Note that the hook has ended on this host
  sluice.nginx.hook:
    run: "{{ sluice_run }}"
    name: before_host
    hosts: ["{{ inventory_hostname }}"]
"""

RETURN = r"""
stopped:
  description: Whether anything of the run has failed so far, so that nothing more is switched.
  type: bool
  returned: success
"""
