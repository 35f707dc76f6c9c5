# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action of the same name, which asks the engines on the hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pull
short_description: Lets hosts look by themselves for the release that is published for them
version_added: 0.1.0
description:
  - Installs a timer by which each host looks for what M(sluice.nginx.run_end) publishes under its inventory name.
    It tries what is new as a release that was pushed, and rolls it back where that fails.
  - A host takes signed releases only, so it must have been told who may sign, by M(sluice.nginx.trust).
  - On hosts without systemd the result says which line of a crontab stands for the timer.
options:
  pull:
    description:
      - Where it is published, as V(https://HOST/FOLDER), or a mapping with C(source), C(interval), C(header), C(ca) and
        C(plain_http). Empty removes the timer; what a host serves stays.
    type: raw
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
- name: Let hosts pull
  sluice.nginx.pull:
    pull:
      source: https://releases.example.org/web
      interval: 600
"""

RETURN = r"""
hosts:
  description: For each host, the paths that changed.
  type: dict
  returned: always
"""
