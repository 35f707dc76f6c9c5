# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action of the same name, which asks the engines on the hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: unlock
short_description: Rolls back what a run that died has left pending
version_added: 0.1.0
description:
  - Asks all hosts of the play at once what they have pending, rolls that back, and says what it was. A host that has
    nothing pending is left alone.
  - Fails for hosts that could not be asked or freed, after the others are.
  - For people who know that the run which holds the hosts is dead. Without it each host's watchdog does the same.
attributes:
  check_mode:
    description: Only says what would be rolled back.
    support: full
  diff_mode:
    description: There is nothing to compare. M(sluice.nginx.fleet_info) shows how hosts have drifted.
    support: none
extends_documentation_fragment: [sluice.nginx.packages]
author: Sluice (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Roll back what a dead run left pending
  sluice.nginx.unlock:
"""

RETURN = r"""
freed:
  description: The hosts on which something was rolled back; in check mode, would be.
  type: list
  elements: str
  returned: always
"""
