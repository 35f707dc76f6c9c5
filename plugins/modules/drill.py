# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action of the same name, which asks the engine on the host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: drill
short_description: Rehearses rollbacks on one host
version_added: 0.1.0
description:
  - Takes the host to a release that is what it serves already, but for one file that nginx never reads, and has it go
    wrong, once by a check that fails and once by a controller that falls silent.
  - Holds the host to being back after each, and fails where it is not. How long that took stands in
    C(.sluice/drills), and M(sluice.nginx.history) shows it.
  - No gate is asked, and no host confirms a release that came for a drill. Visitors see a reload, and nothing else.
options:
  reboot:
    description: Whether the machine is started anew as well, while a release is pending on it.
    type: bool
    default: false
  reboot_command:
    description: What starts the machine anew.
    type: str
    default: systemctl reboot
  reboot_timeout:
    description: After how many seconds a machine that was started anew has to be back.
    type: float
    default: 600
  confirm_timeout:
    description: After how many seconds without a heartbeat the watchdog acts in the drill, at least 5.
    type: float
    default: 10
  signing_key:
    description: The SSH key that signs the release of the drill, relative to the project, for hosts that take signed
      ones only.
    type: str
    default: ""
  inventory:
    description: The name of the inventory that it is signed for.
    type: str
    default: ""
attributes:
  check_mode:
    description: Says what would be rehearsed, and whether the host is in a state for it.
    support: full
extends_documentation_fragment: [sluice.nginx.nothing_to_compare, sluice.nginx.packages]
author: Sluice (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Rehearse rollbacks
  sluice.nginx.drill:
    confirm_timeout: 10
"""

RETURN = r"""
host:
  description: The host.
  type: str
  returned: always
steps:
  description: What each step came to, with C(name), C(ok), C(words) and C(seconds) until the host was back.
  type: list
  elements: dict
  returned: always
record:
  description: The file that has the same.
  type: str
  returned: always
"""
