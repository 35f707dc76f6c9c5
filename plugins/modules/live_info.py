# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action of the same name, which has the engines on the hosts look, all at once."""

from __future__ import annotations

DOCUMENTATION = r"""
module: live_info
short_description: Asks the hosts what they serve, and whether they have what their new releases need
version_added: 0.1.0
description:
  - Reads what each release of M(sluice.nginx.release) needs and does not contain, as paths, names, addresses, ports,
    users and modules, and asks the engines on its hosts for each of them, all hosts of the play at once. Names are
    looked up for three seconds. Endpoints of upstreams are connected to, all at once for two seconds, at most 400 of
    them, and nothing is sent; those of UDP are only looked up.
  - A live tree that the controller does not have is fetched into C(.sluice/live), without private keys, their
    certificates and password files. It is compared with the id that its host has for it; one of which files are
    withheld is kept under a name of its own.
  - Nothing is created or changed on the hosts. A host that cannot be asked does not fail the task.
  - Needs root on the hosts (C(become)) and Python 3.8 or newer with its whole standard library. Any connection plugin
    will do.
options:
  releases:
    description: The releases that M(sluice.nginx.release) returned.
    type: list
    elements: dict
    required: true
  platform:
    description: The result of M(sluice.nginx.staging_image).
    type: dict
    required: true
  endpoints:
    description:
      - Whether hosts connect to the new upstreams of a release, to see that something answers there. It is so in the
        preflight of a push as well.
      - Without it their names are looked up, and only what listens on the very host is tried.
    type: bool
    default: true
  packages:
    description: Whether hosts tell of which package their nginx is, and which vulnerabilities its changelog says to be
      fixed. A rehearsal compares that with what is published.
    type: bool
    default: false
extends_documentation_fragment: [sluice.nginx.looking, sluice.nginx.packages]
author: Sluice (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Ask hosts what they serve and have
  sluice.nginx.live_info:
    releases: "{{ sluice_rendered.releases }}"
    platform: "{{ sluice_platform }}"
  register: sluice_probed
"""

RETURN = r"""
answers:
  description: What each host said for which a release was made, by its name.
  type: dict
  returned: always
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
    package:
      description: The package of nginx with its C(version) and the CVEs that are C(fixed), where O(packages) is set.
      type: dict
    facts:
      description: The version of nginx, its modules, and the distribution.
      type: dict
"""
