# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action of the same name; it runs on the controller alone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: monitor
short_description: Writes the files of a monitoring host
version_added: 0.1.0
description:
  - Makes a probe of each check of the given releases for each of their hosts, and alert rules, the configurations of
    Prometheus, the blackbox exporter and Alertmanager, and the program that web hosts tell of themselves with.
  - Says which checks are not monitored, and which the hosts ask themselves.
options:
  releases:
    description: The releases, as M(sluice.nginx.release) returns them.
    type: list
    elements: dict
    required: true
  files:
    description: The directory that the files are written to, relative to the project.
    type: str
    required: true
  install:
    description: Whether they are on their way to a monitoring host. Then the inventory must have one.
    type: bool
    default: true
  listen:
    description: The address that Prometheus and Alertmanager listen on.
    type: str
    default: 127.0.0.1
  scrapers:
    description:
      - The addresses that may ask the exporters of the web hosts, or C(any).
      - Without any, those of the hosts of the group C(monitor), as the controller finds them.
    type: list
    elements: str
    default: []
  interval:
    description: How often everything is asked, in seconds.
    type: float
    default: 5
  unsafe:
    description: Whether checks are monitored that change things, as those that post.
    type: bool
    default: false
  public:
    description: Whether checks are asked by the names in their URLs, too, as visitors do.
    type: bool
    default: false
  public_address:
    description: Where visitors are led to, where the monitoring host cannot find the names.
    type: str
    default: ""
  receivers:
    description: Alertmanager's receivers; the first gets what no route takes elsewhere.
    type: list
    elements: dict
    default: []
  routes:
    description: Alertmanager's routes below the first.
    type: list
    elements: dict
    default: []
  status:
    description: Whether nginx has a page for its exporter.
    type: bool
    default: false
  error_share:
    description: The share of 5xx, in percent of the requests, above which there is an alert.
    type: float
    default: 5
  certificate_days:
    description: For how many days a certificate must be good.
    type: float
    default: 14
  drain_minutes:
    description: For how many minutes workers of before a reload may go on.
    type: float
    default: 10
attributes:
  check_mode:
    description: With O(install=false) nothing is written.
    support: full
  diff_mode:
    description: There is nothing to compare. The tasks that copy the files show how they differ.
    support: none
author: Sluice (!UNKNOWN)
"""

EXAMPLES = r"""
- name: The files of the monitor are written
  sluice.nginx.monitor:
    releases: "{{ nginx_release.releases }}"
    files: .sluice/monitor
"""

RETURN = r"""
folder:
  description: Where the files are.
  type: str
  returned: always
files:
  description: Those that are new or different.
  type: list
  returned: always
scrapers:
  description: The addresses that may ask the exporters.
  type: list
  returned: always
said:
  description: What a person should know, a sentence each.
  type: list
  returned: always
"""
