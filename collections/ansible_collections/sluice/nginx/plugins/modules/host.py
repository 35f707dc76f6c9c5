"""Documentation of the action of the same name, which has the engine on the host do the work in one round trip."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host
short_description: One phase of a roll-out on a host
version_added: 0.1.0
description:
  - Decides from the run's journal what the phase means for the host, asks the engine on it, and notes the answer.
  - A host that fails or cannot be reached does not fail the task. The journal has it, later waves are not switched, and
    the phase V(settle) takes every host back. The run fails in M(sluice.nginx.conclude).
  - Needs root on the host (C(become)) and Python 3.8 or newer with its whole standard library. Any connection plugin
    will do.
options:
  phase:
    description:
      - V(preflight) only looks, V(activate) makes the release serve on trial and asks its contract, V(bake) watches the
        logs for a while.
      - V(settle) confirms when all was good on all hosts, and reverts otherwise. V(mend) reverts those that were
        confirmed, or may have been, when another could not be.
      - V(status) only looks. V(unlock) takes back what a run that died has left pending. Both are outside of a run.
    type: str
    required: true
    choices: [preflight, activate, bake, settle, mend, status, unlock]
  run:
    description: The result of M(sluice.nginx.run). V(status) and V(unlock) need none.
    type: dict
  releases:
    description: The id of the release that each host is to get, from the store on the controller.
    type: dict
    default: {}
  needs:
    description:
      - What each release needs of a host, by its id; as M(sluice.nginx.gates) returns it.
      - A host that lacks any of it does not pass V(preflight).
    type: dict
    default: {}
  stored:
    description: A release that the host has itself, V(previous) or the beginning of an id, instead of the controller's.
    type: str
    default: ""
  wave:
    description:
      - The hosts that are switched now, for V(activate) and V(bake). By default every host is.
      - A host of an earlier wave is only watched on, and a host of a later one is not asked anything.
    type: list
    elements: str
  bake:
    description: How long the logs are watched, in seconds from the last switch of the run on.
    type: float
    default: 3
  keep:
    description: How many releases the host keeps beside those that it needs.
    type: int
    default: 5
  drift:
    description: What is done with a live tree that is not its release any more.
    type: str
    choices: [refuse, adopt, discard]
    default: refuse
  emergency:
    description: A reason for which a host takes a release without a good receipt. It stands in the host's journal.
    type: str
    default: ""
  guard_deadline:
    description:
      - How many seconds after the last sign of life of the run a host takes its release back by itself, at least 5.
      - A host that does not answer for two thirds of it, or a minute where that is longer, has failed.
    type: float
    default: 120
attributes:
  check_mode:
    description: Only what looks and changes nothing is asked of the host.
    support: full
  diff_mode:
    description: V(preflight) shows how the live tree and the release differ.
    support: full
author: Sluice
"""

EXAMPLES = r"""
- name: The release serves on the host, on trial
  sluice.nginx.host:
    phase: activate
    run: "{{ gates_run }}"
    releases: "{{ gates_passed.releases }}"
    wave: [web1]
"""

RETURN = r"""
answer:
  description: What the engine on the host answered.
  type: dict
  returned: when the host was asked
msg:
  description: Why the host was not asked.
  type: str
  returned: when it was not
"""
