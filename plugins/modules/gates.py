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
  releases:
    description: RV(sluice.nginx.release#module:releases) of M(sluice.nginx.release).
    type: list
    elements: dict
    required: true
  staging:
    description: The result of M(sluice.nginx.staging_image), for the image and what the user puts around releases.
    type: dict
    required: true
  said:
    description: What the hosts returned, by their names, as M(sluice.nginx.live_info) does. Without it none was asked.
    type: dict
    default: {}
  probe_endpoints:
    description: Whether hosts connect to the new upstreams of a release in preflight, as they do for
      M(sluice.nginx.live_info).
    type: bool
    default: true
  path:
    description: A folder of gates of your own, one Python file each, relative to the project. Empty for none.
    type: str
    default: ""
  lint_level:
    description: Findings of the gate C(lint) at this level or above fail it; those below are warnings.
    type: str
    default: high
  lint_accept:
    description: Names of lint rules whose findings are warnings, whatever their level.
    type: list
    elements: str
    default: []
  allow_warnings:
    description: Whether the gate C(syntax) passes when C(nginx -t) prints warnings.
    type: bool
    default: false
  certificate_days:
    description: A certificate that is good for fewer days than this is a finding of the gate C(lint).
    type: int
    default: 14
  coverage:
    description: The share of locations, in percent, that the checks of the contract must reach. Every server must
      be reached.
    type: int
    default: 80
  accept:
    description: Changes of behaviour that are meant, where no check of the contract says so.
    type: list
    elements: dict
    default: []
  accepted_file:
    description:
      - The file with what people accepted of what a run found, relative to the project; M(sluice.nginx.accept) writes
        it. Empty for C(accepted.yml) beside the inventory.
      - An entry lets exactly its findings of exactly its change pass. It stands in all that the run shows and records.
    type: str
    default: ""
  strict:
    description: Whether every change of behaviour that is not accepted fails, also what an edit sets out to do.
    type: bool
    default: false
  replay_log:
    description: An access log (combined or JSON, also as C(.gz)), relative to the project, whose requests are asked
      of both releases in staging.
    type: str
    default: ""
  replay_requests:
    description: How many different requests are taken from the log.
    type: int
    default: 200
  behaviour_requests:
    description: How many requests the gate C(behaviour) asks at most. Servers and locations that changed come first.
    type: int
    default: 2500
  renewal:
    description:
      - How certificates are renewed on the hosts, where the probe of the hosts and the live configuration do not tell.
      - The gate C(renewal) has each client get a certificate from an authority in staging.
    type: list
    elements: dict
    default: []
  verify:
    description: pytest and testinfra files or folders that the gate C(verify) runs against staging, relative to the
      project.
    type: list
    elements: str
    default: []
  decide:
    description:
      - Gates that may be inconclusive, and for each the reason why the release ships all the same. It stands in the
        record.
      - A gate that was not run because of an inconclusive one is decided like it, by its own name.
    type: dict
    default: {}
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
    default: 60
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
extends_documentation_fragment: [sluice.nginx.controller, sluice.nginx.packages]
author: Sluice (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Every release passes every gate
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
