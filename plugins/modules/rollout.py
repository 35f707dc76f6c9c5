# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action of the same name, which has the engines on the hosts do the work, all at once."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rollout
short_description: One step of a roll-out on all hosts of the play
version_added: 0.1.0
description:
  - Decides from the run's journal what the step means for each host, asks the engines on the hosts, and notes what they
    answer.
  - Runs once for all hosts of the play, in one worker process, and asks as many of them at once as Ansible has forks.
    Each is reached as for any task, by its own connection plugin, become plugin and variables; with C(-vvv) Ansible
    shows what is run there. Keywords of the play, such as C(remote_user), are taken as they are for its first host.
  - A host that fails or cannot be reached does not fail the task. The journal has it, later waves are not switched, and
    the step V(finalize) takes every host back. The run fails in M(sluice.nginx.run_end).
  - Needs root on the hosts (C(become)) and Python 3.8 or newer with its whole standard library. Any connection plugin
    will do.
options:
  step:
    description:
      - V(preflight) only looks. V(wave) activates the release on the hosts of a wave as pending, asks its contract, and
        watches all pending hosts for a while.
      - V(bake) watches hosts pending and V(pause) waits, where hooks stand between these and V(wave), which does both
        else. V(rollback) rolls back where anything failed, and else does nothing.
      - V(resume) gives the hosts of a run that has ended while they bake a heartbeat, and judges them.
      - V(finalize) confirms when all was good on all hosts, and rolls back otherwise. Hosts that were confirmed, or may
        have been, are rolled back as well when another could not be confirmed.
    type: str
    required: true
    choices: [preflight, wave, bake, pause, resume, rollback, finalize]
  run:
    description: The result of M(sluice.nginx.run_start).
    type: dict
    required: true
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
      - The hosts that are switched now, for V(wave). By default every host is.
      - A host of an earlier wave is only watched on, and a host of a later one is not asked anything.
    type: list
    elements: str
  waves:
    description:
      - The order for V(preflight), which returns the waves; first the canary. A number of hosts, a share of them all, a
        group of the inventory, V(canary) for one host, or a mapping. Of its keys C(group) is a group or a list of them,
        C(where) has host variables and their values, C(each) is a host variable whose values have a wave each, C(size)
        is a number or a share of these hosts, C(pause) is what comes before the next wave, seconds or V(person), and
        C(name) names the wave. The last row repeats.
    type: raw
    default: [1, 25%, 100%]
  evidence:
    description:
      - Whether visitors of switched hosts are compared with those of hosts that are not, while they bake.
      - Hosts of either kind count requests for it, fifty and twenty at most.
    type: bool
    default: false
  alarms:
    description:
      - Alarms of others, as C(rollout_alarms) has them. V(preflight) asks them where a host is to change, and notes a
        failure for one that burns already; the bake asks them on, and notes one for what begins on switched hosts.
    type: list
    elements: raw
    default: []
  alertmanager_url:
    description: The Alertmanager that the word V(monitor) among O(alarms) stands for.
    type: str
    default: ""
  hooks:
    description: Files of tasks, relative to the project, by the name of the hook, for V(preflight), which checks them.
    type: dict
    default: {}
  wave_name:
    description: What the wave is called, for V(wave).
    type: str
    default: ""
  pause:
    description: What comes before the next wave, for V(wave); seconds, or V(person), for whom the run waits.
    type: raw
    default: 0
  pause_limit:
    description: How many seconds a run waits for a person. Then it stops, and every host is rolled back.
    type: float
    default: 3600
  unreachable_budget:
    description:
      - How many hosts, or which share of them, may fail to be reached. The run goes on without them, and rolls each
        back when it is reached again; its watchdog does so before.
    type: str
    default: "0"
  store:
    description:
      - Where this run and others, as slices of one roll-out, agree on how it ends; an address, or a mapping with
        C(url), C(user), C(password), C(ca), C(certificate), C(certificate_key), C(host_url), C(host_user) and
        C(host_password).
      - Empty, this run decides alone. It is given to each step.
    type: raw
    default: ""
  slices:
    description: Of how many runs the roll-out is made, for V(preflight). 0 and 1 are a run by itself.
    type: int
    default: 0
  slice:
    description: Which of the slices this run is, from 1 on, for V(preflight). With 0 it takes the first that is free.
    type: int
    default: 0
  name:
    description: What the roll-out is called, the same in each of its slices, for V(preflight).
    type: str
    default: ""
  slice_timeout:
    description: For how many seconds a slice waits for the others, or for the store, for V(preflight).
    type: float
    default: 600
  bake:
    description: How long hosts pending are watched in V(wave), in seconds from their switch on.
    type: float
    default: 30
  detach:
    description:
      - Whether the run ends while hosts bake, for V(wave) with O(waves). Heartbeats come from whoever takes the step
        V(resume); without any, hosts roll back after O(confirm_timeout).
    type: bool
    default: false
  decision:
    description: What becomes of a run that was left, for V(resume).
    type: str
    choices: [continue, stop, heartbeat]
    default: continue
  keep:
    description: How many releases the host keeps beside those that it needs.
    type: int
    default: 5
  drift:
    description:
      - What is done with a live tree that is not its release any more. V(adopt-package) makes it a release first where
        packages of the host have changed it and nobody else, and stops for anything else.
    type: str
    choices: [refuse, adopt-package, adopt, discard]
    default: adopt-package
  emergency:
    description:
      - A reason for which a host takes a release that gates refused. It stands in the host's journal.
      - It counts only where C(rollout_emergency) comes from the command line. A host that takes signed receipts only
        wants the signed receipt of the emergency.
    type: str
    default: ""
  confirm_timeout:
    description:
      - How many seconds after the last heartbeat of the run a host rolls its release back by itself, at least 5.
      - A host that does not answer for two thirds of it, or a minute where that is longer, has failed.
    type: float
    default: 120
  signing_key:
    description:
      - The SSH key that signs the permission to go back to a release of O(stored), and how a roll-out of slices ends,
        relative to the project.
    type: str
    default: ""
  inventory:
    description: The name of the inventory that is signed for, as its hosts know it.
    type: str
    default: ""
attributes:
  check_mode:
    description: Only what looks and changes nothing is asked of the host.
    support: full
  diff_mode:
    description: V(preflight) shows how the live tree and the release differ.
    support: full
extends_documentation_fragment: [sluice.nginx.packages]
author: Sluice (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Activate release on wave
  sluice.nginx.rollout:
    step: wave
    run: "{{ sluice_run }}"
    releases: "{{ sluice_gated.releases }}"
    wave: [web1]
"""

RETURN = r"""
waves:
  description: The waves, each with its C(name), the C(hosts) that it switches, and the C(pause) before the next.
  type: list
  elements: dict
  returned: for V(preflight), and those that come for V(resume)
hooks:
  description: The paths of the hooks by their names.
  type: dict
  returned: for V(preflight)
stopped:
  description: Whether anything of the run has failed so far, so that nothing more is switched.
  type: bool
  returned: but for V(preflight)
detached:
  description: Whether hosts bake on without this run.
  type: bool
  returned: but for V(preflight)
to_return:
  description: The hosts that hooks took out of a balancer, that are not back in, and that are rolled back.
  type: list
  elements: str
  returned: for V(rollback)
due:
  description: Whether a host is to be switched, or watched on, by a wave that comes now.
  type: bool
  returned: always
hosts:
  description:
    - For each host of the play the C(operation) that it was asked for, whether it was C(ok) and C(changed) anything.
    - Instead C(why) says why it was not asked, or C(would) what it would be asked for in check mode.
  type: dict
  returned: always
diff:
  description: What changes on hosts, for each group of hosts to which the same happens.
  type: list
  elements: dict
  returned: when hosts showed their files, as with C(--diff)
"""
