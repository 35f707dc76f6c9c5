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
  publish:
    description:
      - A folder in which the confirmed releases are published for hosts that nobody reaches, or a mapping with
        C(folder), C(days), C(targets), C(canary_percent) and C(canary_minutes). Empty publishes nothing.
      - Fails where the hosts of the run are confirmed, and nothing could be published.
    type: raw
    default: ""
  releases:
    description: The id of the release that each host is to get; hosts of the group C(sluice_pull) get it by pull alone.
    type: dict
    default: {}
  needs:
    description: What each release needs of its hosts.
    type: dict
    default: {}
  stored:
    description: The release that the run went to, where it was a rollback; V(previous) or the beginning of an id.
    type: str
    default: ""
  signing_key:
    description: The SSH key that signs what is published, relative to the project.
    type: str
    default: ""
  allowed_signers:
    description: A file with a line for each who may sign, relative to the project; hosts that join are told by it.
    type: str
    default: ""
  policy:
    description: What hosts that join are told to ask of a release beside its receipt, as for M(sluice.nginx.trust).
    type: dict
    default: {}
  bake:
    description: For how many seconds hosts that pull watch a release.
    type: float
    default: 30
  confirm_timeout:
    description: After how many seconds without a heartbeat their watchdogs act.
    type: float
    default: 120
  keep:
    description: How many releases they keep.
    type: int
    default: 5
  drift:
    description: What happens where their live tree is not its release any more.
    type: str
    choices: [refuse, adopt-package, adopt, discard]
    default: adopt-package
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
published:
  description: The names for which something new was published.
  type: list
  elements: str
  returned: where something is published
sluice_report:
  description: A file with the table of hosts, for people. P(sluice.nginx.verdicts#callback) shows it.
  type: str
  returned: always
"""
