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
  rules:
    description: The file with the alert rules. The role C(monitor) has it in C(files/rules).
    type: path
    required: true
  runbooks:
    description:
      - Where the pages of the alerts are, as a URL or a path. The annotation C(runbook_url) of an alert is this,
        and C(/NAME.md).
      - V(docs/alerts) is the folder in the repository of the collection. Give the URL of a copy that people can reach.
        Without it, alerts have no link.
    type: str
    default: ""
  group:
    description: The inventory group of the monitoring hosts.
    type: str
    default: monitor
  files:
    description: The directory on the controller that the files are written to, relative to the project.
    type: str
    required: true
  install:
    description: Whether anything is installed; then the inventory must have a monitoring host. Otherwise only the
      files are written, for an existing Prometheus.
    type: bool
    default: true
  listen:
    description:
      - The address that Prometheus and Alertmanager listen on. They need no password, and anyone who reaches
        Alertmanager can silence alerts.
      - V(127.0.0.1) is for the monitoring host only, for example behind an nginx with passwords or an SSH tunnel.
        V(0.0.0.0) is for everybody.
    type: str
    default: 127.0.0.1
  scrapers:
    description:
      - The addresses that may reach the exporters of the web hosts, as systemd's C(IPAddressAllow) takes them. V(any)
        is everybody.
      - Without any, those of the hosts of C(monitor_group), as the controller resolves them.
    type: list
    elements: str
    default: []
  interval:
    description: The interval of checks, metrics and alert rules, in seconds. An alert about a check comes after about
      four times that.
    type: float
    default: 5
  unsafe:
    description: Whether checks that change things, such as POST requests, are monitored. They are then made in every
      interval.
    type: bool
    default: false
  public:
    description: Whether each check is also made by the name in its URL, as visitors do.
    type: bool
    default: false
  public_address:
    description: The address that visitors reach, if the monitoring host cannot resolve the names.
    type: str
    default: ""
  receivers:
    description:
      - Alertmanager's C(receivers). The first one gets every alert that no route sends elsewhere.
    type: list
    elements: dict
    default: []
  routes:
    description: Alertmanager's C(routes), for alerts that go to another receiver than the first one.
    type: list
    elements: dict
    default: []
  status:
    description: Whether nginx has a page for its exporter.
    type: bool
    default: false
  error_share:
    description: The share of 5xx, in percent of the requests to a host, above which an alert fires.
    type: float
    default: 5
  certificate_days:
    description: For how many days a certificate must still be valid.
    type: float
    default: 14
  drain_minutes:
    description: For how many minutes workers may shut down after a reload.
    type: float
    default: 10
attributes:
  check_mode:
    description: With O(install=false) nothing is written.
    support: full
  diff_mode:
    description: There is nothing to compare. The tasks that copy the files show how they differ.
    support: none
extends_documentation_fragment: [sluice.nginx.packages]
author: Sluice (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Write the files of the monitoring hosts
  sluice.nginx.monitor:
    releases: "{{ sluice_rendered.releases }}"
    rules: "{{ role_path }}/files/rules/sluice.rules.yml"
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
