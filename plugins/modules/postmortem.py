# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action of the same name, which asks Prometheus and the engines on the hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postmortem
short_description: Drafts a postmortem
version_added: 0.1.0
description:
  - Writes what is recorded of a run, or of a time, in the form of a postmortem, as Markdown. Facts only, each with its
    source; what a person must add is marked C(TO ADD).
  - Of a run it is C(postmortem.md) beside the record, of a time a file below C(.sluice/postmortems).
  - A draft that a person has worked on is left alone, and the new one is written beside it.
  - What cannot be asked, be it Prometheus or a host, is said in the draft.
options:
  run:
    description:
      - A run, its beginning, or V(last), the last one that was stopped, rolled back or left broken.
      - It is the last one where nothing else is given.
      - Hosts of whose requests the record says nothing, since they were lost, are asked for them.
    type: str
    default: ""
  start:
    description: The beginning of a time, as V(2026-11-21T15:00); without a zone it is in UTC.
    type: str
    default: ""
  end:
    description: Its end. It is now where only the beginning is given.
    type: str
    default: ""
  alerts:
    description: Drafts one for each incident of which alerts fired and are over.
    type: bool
    default: false
  hours:
    description: For how long back O(alerts) are looked for.
    type: float
    default: 24
  prometheus_url:
    description: Where Prometheus answers, which is asked for alerts. Empty where there is none.
    type: str
    default: ""
  hosts:
    description: The web hosts, which are asked for their requests. Those that are not in the play are not asked.
    type: list
    elements: str
    default: []
extends_documentation_fragment: [sluice.nginx.looking, sluice.nginx.packages]
author: Sluice (!UNKNOWN)
"""

EXAMPLES = r"""
- name: The last run that failed has its postmortem
  sluice.nginx.postmortem:
    run: last
    hosts: "{{ groups['web'] }}"

- name: Every incident of this day has its postmortem
  sluice.nginx.postmortem:
    alerts: true
    prometheus_url: http://mon1.example:9090
    hosts: "{{ groups['web'] }}"
"""

RETURN = r"""
paths:
  description: The files that were written, or are as they would be.
  type: list
  elements: path
  returned: success
"""
