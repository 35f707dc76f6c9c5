# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action of the same name; it runs on the controller alone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: run_start
short_description: Opens the record of a run
version_added: 0.1.0
description:
  - Makes a folder below C(.sluice/runs) with an empty journal, which the phases of the run append to.
extends_documentation_fragment: [sluice.nginx.controller, sluice.nginx.packages]
author: Sluice (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Start record of the run
  sluice.nginx.run_start:
  register: sluice_run
"""

RETURN = r"""
id:
  description: The run's name.
  type: str
  returned: success
  sample: 20260102T030405-1f2e
folder:
  description: Where its record is.
  type: str
  returned: success
who:
  description: The user who started it.
  type: str
  returned: success
host:
  description: The controller's name.
  type: str
  returned: success
started:
  description: When, ISO-8601 in UTC.
  type: str
  returned: success
"""
