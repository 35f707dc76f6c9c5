# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action of the same name; it runs on the controller alone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gates
short_description: Takes releases through the gates
version_added: 0.1.0
description:
  - Runs each release in a stage, three containers without any network around its very bytes, and asks every gate.
  - All gates whose forerunners passed are run, so one run shows every fault. Releases are examined side by side.
  - A release that passed gets a receipt, without which no host activates it. The task fails unless all did, or
    O(emergency) has a reason.
  - The record of the run and its reports are written as M(sluice.nginx.run_end) does.
options:
  run:
    description: The result of M(sluice.nginx.run_start).
    type: dict
    required: true
  culprits:
    description:
      - Whether it is searched which lines of the change make a release fail, where a release that passed is live.
      - With C(rollout_emergency) it is not, since then nobody should have to wait.
    type: bool
    default: true
  culprit_seconds:
    description: After how many seconds that search ends, for each release. It tells the smallest part that is known
      by then.
    type: float
    default: 30
  signing_key:
    description:
      - The SSH key that signs the receipts of releases that passed, relative to the project. Empty leaves them
        unsigned, and the run says so.
      - A key with a passphrase must be in ssh-agent; then the path of its public key will do.
    type: str
    default: ""
  receipt_hours:
    description: For how many hours a receipt is good; hosts refuse an older one.
    type: float
    default: 24
  inventory:
    description:
      - The name of the inventory that receipts are signed for. Hosts take only what was signed for the name that
        C(sluice.nginx.trust) told them.
      - Set it where the inventory's folder has another name on another controller, as in AWX.
    type: str
    default: ""
  windows:
    description:
      - When hosts may activate the releases, in UTC, each with C(days), C(from) and C(to). Empty for any time.
      - The receipt carries them, and hosts hold to it by their own clocks.
    type: list
    elements: dict
    default: []
  freezes:
    description: When hosts may not, each with C(from), C(to) and C(reason). An emergency goes on all the same.
    type: list
    elements: dict
    default: []
  soaked:
    description:
      - Where each release must have lived before it goes further; it served, confirmed, on so many C(hosts) of an
        C(inventory) for so many C(hours), by the records of this controller.
      - C(hours) is 24 and C(hosts) 1 where they are left out. One that was rolled back there by hand has not soaked.
      - The receipt says where the release has lived, and a host's policy can demand it as well.
    type: dict
    default: {}
  emergency:
    description:
      - A reason for which gates that did not pass do not stop the run. It counts only where C(rollout_emergency) comes
        from the command line, and with O(deploy).
      - A release that failed gets a receipt of a kind of its own, with the reason. One that could not be rendered stops
        the run.
    type: str
    default: ""
  deploy:
    description:
      - Whether the run goes on to deploy what passes, as C(sluice.nginx.deploy) does. Only then
        C(rollout_emergency) counts.
    type: bool
    default: false
extends_documentation_fragment:
  - sluice.nginx.controller
  - sluice.nginx.gates
  - sluice.nginx.packages
  - sluice.nginx.requests
author: Sluice (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Run gates on every release
  sluice.nginx.gates:
    run: "{{ sluice_run }}"
    releases: "{{ sluice_rendered.releases }}"
    staging: "{{ sluice_platform }}"
  register: sluice_gated
"""

RETURN = r"""
releases:
  description: The release of each host.
  type: dict
  returned: always
needs:
  description: For each release what its hosts must have, which M(sluice.nginx.rollout) asks in the step V(preflight).
  type: dict
  returned: success
sluice_report:
  description: A file with the verdicts and findings, for people. P(sluice.nginx.verdicts#callback) shows it.
  type: str
  returned: always
sluice_problems:
  description: What people must see at once, as the reason of an emergency. P(sluice.nginx.verdicts#callback) shows it.
  type: list
  elements: str
  returned: success
"""
