# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action of the same name; it runs on the controller alone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: silence
short_description: Silences what a deployment expects, and ends that
version_added: 0.1.0
description:
  - Opens a silence at Alertmanager for the alerts that every deployment raises, that hosts of the play differ and have
    a pending release, and no others. It ends with the run, or by itself where the run does not.
  - An Alertmanager that does not answer is a warning. It costs two seconds at most, and once in a run.
options:
  state:
    description: V(open) at the beginning of a run, V(closed) at its end, however it ended.
    type: str
    choices: [open, closed]
    required: true
  run:
    description: The result of M(sluice.nginx.run_start).
    type: dict
    required: true
  url:
    description:
      - Where the controller reaches Alertmanager. Without it nothing is silenced. A name and a password in it are shown
        nowhere.
    type: str
    default: ""
  minutes:
    description: After how many minutes it ends by itself.
    type: float
    default: 30
attributes:
  check_mode:
    description: Nothing is silenced.
    support: full
extends_documentation_fragment: [sluice.nginx.nothing_to_compare, sluice.nginx.packages]
author: Sluice (!UNKNOWN)
"""

EXAMPLES = r"""
- name: What this deployment does is nobody's alert
  sluice.nginx.silence:
    state: open
    run: "{{ sluice_run }}"
    url: http://monitor.example:9093
"""

RETURN = r"""
said:
  description: What a person should know; empty when all went well.
  type: str
  returned: when O(url) is set, or O(state=closed)
"""
