# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action of the same name; it runs on the controller alone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: accept
short_description: Lets pass what a run found
version_added: 0.1.0
description:
  - Reads the record of a run that the gates stopped, and writes its findings into C(accepted.yml) beside the inventory,
    with who accepts them, and why. The gates then let exactly these findings of exactly this change pass.
  - An entry counts for the live release and the candidate of that run, and for nothing else. It is removed when its
    candidate is deployed on all hosts of the group.
  - Findings of V(behaviour), V(lint), V(needs), V(coverage) and, without a contract, V(smoke) can be accepted. Where
    the run found anything else, nothing is written.
  - An entry that is there already is left alone.
options:
  run:
    description: The id of the run, its beginning, V(last), or a folder that holds its record, relative to the project.
    type: str
    default: ""
  reason:
    description: Why this may pass, in one line. It stands in the file and in each record.
    type: str
    default: ""
  accepted_file:
    description: The file, relative to the project; empty for C(accepted.yml) beside the inventory.
    type: str
    default: ""
attributes:
  check_mode:
    description: Only says what would be written.
    support: full
  diff_mode:
    description: Shows how the file changes.
    support: full
extends_documentation_fragment: [sluice.nginx.packages]
author: Sluice (!UNKNOWN)
"""

EXAMPLES = r"""
- name: What the last run found may pass
  sluice.nginx.accept:
    run: last
    reason: the catalogue moved
"""

RETURN = r"""
path:
  description: The file.
  type: str
  returned: success
findings:
  description: How many findings were added.
  type: int
  returned: success
"""
