# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action of the same name, which asks the engines on the hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_info
short_description: Shows what the hosts serve
version_added: 0.1.0
description:
  - Asks all hosts of the play at once, puts what they say into one table, and tells the last events of each host, its
    drift and its faults in words. Nothing on the hosts is changed.
  - Fails when a host cannot be reached, after it has shown the others.
options:
  format:
    description: A table for people, or JSON for machines.
    type: str
    choices: [table, json]
    default: table
extends_documentation_fragment: [sluice.nginx.looking, sluice.nginx.packages]
author: Sluice (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Show fleet
  sluice.nginx.fleet_info:
    format: json
"""

RETURN = r"""
answers:
  description: What each host said of itself.
  type: dict
  returned: always
"""
