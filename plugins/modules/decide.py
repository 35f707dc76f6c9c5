# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action of the same name; it runs on the controller alone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: decide
short_description: Lets a run that waits for a person go on, or stops it
version_added: 0.1.0
description:
  - A wave with C(pause=person) in C(rollout_waves) makes a run wait before the next wave. This lets it go on, or stops
    it. A run that is stopped rolls every host back.
  - A run may also have ended while its hosts bake (C(rollout_detach)). This finds it, for who continues it.
  - Works on the controller that the run works on, in the same project. The run hears of it within seconds.
options:
  run:
    description: The id of the run, or its beginning; by default the one that waits.
    type: str
    default: ""
  decision:
    description:
      - What becomes of the run. V(heartbeat) is for timers; it is about detached runs alone, and where there is none it
        does nothing.
    type: str
    choices: [continue, stop, heartbeat]
    default: continue
attributes:
  check_mode:
    description: Nothing is decided.
    support: full
extends_documentation_fragment: [sluice.nginx.nothing_to_compare, sluice.nginx.packages]
author: Sluice (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Let the run that waits go on
  sluice.nginx.decide:
    decision: continue
"""

RETURN = r"""
run:
  description: The id of the run.
  type: str
  returned: success
after:
  description: The wave after which it waited.
  type: str
  returned: success, but for check mode
detached:
  description: Whether the run has ended while hosts bake, so that it is to be continued by M(sluice.nginx.rollout).
  type: bool
  returned: success
facts:
  description: Such a run, as M(sluice.nginx.run_start) opened it.
  type: dict
  returned: where it is detached
"""
