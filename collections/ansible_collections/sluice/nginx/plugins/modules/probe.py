"""Documentation of the action of the same name, which has the engine on the host look in one round trip."""

from __future__ import annotations

DOCUMENTATION = r"""
module: probe
short_description: Asks a host what it serves, and whether it has what its new release needs
version_added: 0.1.0
description:
  - Reads what the host's release of M(sluice.nginx.release) needs and does not contain, as paths, names, addresses,
    ports, users and modules, and asks the engine on the host for each of them. Names are looked up for three seconds,
    and connections waited for one second, all at once.
  - A live tree that the controller does not have is fetched into C(.sluice/live), without private keys, their
    certificates and password files.
  - Nothing is created or changed on the host. A host that cannot be asked does not fail the task.
  - Needs root on the host (C(become)) and Python 3.8 or newer with its whole standard library. Any connection plugin
    will do.
options:
  releases:
    description: The releases that M(sluice.nginx.release) returned.
    type: list
    elements: dict
    required: true
  platform:
    description: The result of M(sluice.nginx.platform).
    type: dict
    required: true
attributes:
  check_mode:
    description: Works as always, since nothing is changed.
    support: full
  diff_mode:
    description: There is nothing to show, since nothing is changed.
    support: none
author: Sluice
"""

EXAMPLES = r"""
- name: The host says what it serves and has
  sluice.nginx.probe:
    releases: "{{ nginx_release.releases }}"
    platform: "{{ staging_platform_facts }}"
  register: gates_said
"""

RETURN = r"""
answer:
  description: What the host said.
  type: dict
  returned: when a release was made for the host
  contains:
    ok:
      description: Whether the host could be asked, and its live tree be had.
      type: bool
    problems:
      description: Why not, in words.
      type: list
      elements: dict
    live:
      description: The id of what is at C(/etc/nginx) now, or null.
      type: str
    live_release:
      description: The same where the controller has it as a release; null where it is what the package brings.
      type: str
    packaged:
      description: Whether it is what the distribution's package brings, and nothing else.
      type: bool
    confirmed:
      description: Whether it is a release that a run of Sluice has confirmed.
      type: bool
    needs:
      description: For each need its C(key) (kind and value), whether it is C(met), what was C(seen), what is C(near).
      type: list
      elements: dict
    facts:
      description: The version of nginx, its modules, and the distribution.
      type: dict
"""
