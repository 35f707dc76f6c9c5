"""What the modules share that take releases through the gates: the releases, and what the gates go by."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of ``sluice.nginx.gates``."""

    DOCUMENTATION = r"""
options:
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
  sample:
    description:
      - How many servers are asked in staging of those that the change cannot reach, where there are more; another part
        of them for each release. 0 asks every server.
      - Checks of the contract are asked all the same.
    type: int
    default: 200
  strict:
    description:
      - Whether every change of behaviour that is not accepted fails, also what an edit sets out to do.
      - Then what the change does not reach is asked in full as well, and not by sample.
    type: bool
    default: false
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
"""
