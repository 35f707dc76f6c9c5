# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action of the same name; it runs on the controller alone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: run_end
short_description: Ends a run with the story of its hosts
version_added: 0.1.0
description:
  - Writes C(run.json) from the journal, shows what became of each host, and fails unless all are where they were to be.
  - Beside it are C(report.html), C(junit.xml), C(findings.sarif), and C(postmortem.md) where something went wrong.
    One that cannot be written is a warning.
  - What people accepted of a change that now serves on all hosts is removed from the file that M(sluice.nginx.accept)
    writes.
options:
  run:
    description: The result of M(sluice.nginx.run_start).
    type: dict
    required: true
  accepted_file:
    description: That file, relative to the project; empty for C(accepted.yml) beside the inventory.
    type: str
    default: ""
  inventory:
    description: The name of the inventory, for the record; by it M(sluice.nginx.history) tells where a release lived.
    type: str
    default: ""
extends_documentation_fragment: [sluice.nginx.controller, sluice.nginx.packages]
author: Sluice (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Check that every host is where it was to be
  sluice.nginx.run_end:
    run: "{{ sluice_run }}"
  run_once: true
"""

RETURN = r"""
outcome:
  description: What became of the run, in a sentence.
  type: str
  returned: always
sluice_report:
  description: A file with the table of hosts, for people. P(sluice.nginx.verdicts#callback) shows it.
  type: str
  returned: always
"""
