# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action of the same name; it runs on the controller alone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: notify
short_description: Tells people what became of a run
version_added: 0.1.0
description:
  - Writes the messages that a step of a run gives reason for into C(notices/) of its record, and hands them over to
    a process of their own, which sends them through Apprise. The task does not wait for it, and does not fail because
    of it.
  - What a channel does not take is kept, and said by the end of the run and by the beginning of the next.
  - The lists of channels are secret. Set C(no_log) on the task; what a person must know is said as a warning, without
    any URL.
options:
  step:
    description:
      - Which step of a run asks. V(begin) checks the channels, V(gates) and V(finalize) come after what they are named
        after, V(waves) before it.
      - V(look) tells of drift in O(said), outside of any run. V(kept) sends again what was kept, waits for it, and
        fails where it is not taken.
    type: str
    required: true
    choices: [begin, gates, waves, finalize, look, kept]
  run:
    description: The record, as M(sluice.nginx.run_start) opened it; for the steps of a run.
    type: dict
    default: {}
  said:
    description: What the hosts said, by their names, as M(sluice.nginx.fleet_info) returns it; for V(look).
    type: dict
    default: {}
  team:
    description:
      - Apprise URLs for the team (C(mailtos://), C(slack://), C(msteams://), C(pagerduty://), C(jsons://) and a hundred
        more), best from a vault.
      - They are told what happened, what is affected, since when, what is being done, which lines are the culprits, and
        where the record is.
      - A list that is none is refused before anything is done.
    type: raw
    default: []
  customers:
    description:
      - Apprise URLs for customers, such as those of a status page, best from a vault.
      - They are told of a release that served and was rolled back, of a host that is broken, and of the end of that;
        nothing of the inside.
    type: raw
    default: []
  events:
    description: What there are messages about. An empty list says nothing to anybody.
    type: raw
    default: [started, confirmed, stopped, rolled_back, broken, drift, resolved]
  service:
    description: What customers call what is served here, as it stands in the middle of a sentence.
    type: str
    default: our service
  record_url:
    description: Where people find the record of a run; C({run}) in it stands for the run's name. Empty for the path
      on the controller.
    type: str
    default: ""
  timeout:
    description: How long a channel may take for one message, in seconds; then it is given up, and the message is
      kept.
    type: float
    default: 30
  wait:
    description:
      - How long the end of a run waits for its last messages, in seconds, also where the gates stop it. The hosts
        are finalized by then.
      - For controllers that end with the run, as those of CI do, which would end the sending too.
    type: float
    default: 0
attributes:
  check_mode:
    description: Nobody is told of what did not happen. The step V(kept) says how many messages would be sent.
    support: full
extends_documentation_fragment: [sluice.nginx.nothing_to_compare, sluice.nginx.packages]
author: Sluice (!UNKNOWN)
"""

EXAMPLES = r"""
- name: "Notify team: outcome"
  sluice.nginx.notify:
    step: finalize
    run: "{{ sluice_run }}"
    team: "{{ vault_team_channels }}"
  no_log: true
"""

RETURN = r"""
msg:
  description: How many messages were sent, and how many were not.
  type: str
  returned: for the step V(kept)
"""
