# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action of the same name; it runs on the controller alone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rehearsal_info
short_description: Tells what another nginx would do otherwise with the trees that hosts serve
version_added: 0.1.0
description:
  - Runs each tree in two stages side by side, one with the nginx that hosts have, one with that of another version,
    platform or source. No host is changed.
  - The tree is the live one, where hosts were asked; else the release that would be deployed.
  - Names the published vulnerabilities that the nginx of hosts has and that concern their tree. What the package of a
    host has fixed is left out. They fail nothing.
  - Writes C(rehearsal.json) and C(rehearsal.md) below C(rehearsals) in the state's folder.
  - Fails where the other nginx refuses a tree, does not start from it, or answers a request worse or with something
    else. New warnings and small differences are shown and fail nothing.
options:
  releases:
    description: RV(sluice.nginx.release#module:releases) of M(sluice.nginx.release).
    type: list
    elements: dict
    required: true
  staging:
    description: The result of M(sluice.nginx.staging_image) for what the hosts have.
    type: dict
    required: true
  said:
    description: What the hosts returned, by their names, as M(sluice.nginx.live_info) does. Without it none was asked.
    type: dict
    default: {}
  platform:
    description: The platform to rehearse, as C(staging_platform) names it. Empty for the one that hosts have.
    type: str
    default: ""
  nginx:
    description: Who packages the nginx to rehearse, as C(staging_nginx) names it. Empty for whose nginx hosts have.
    type: str
    default: ""
  nginx_version:
    description: The version of nginx to rehearse, as V(1.26.3). Empty for the newest one of the platform.
    type: str
    default: ""
extends_documentation_fragment: [sluice.nginx.controller, sluice.nginx.packages, sluice.nginx.requests]
author: Sluice (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Rehearse the upgrade to Debian 13
  sluice.nginx.rehearsal_info:
    releases: "{{ sluice_rendered.releases }}"
    staging: "{{ sluice_platform }}"
    said: "{{ sluice_probed.answers | default({}) }}"
    platform: debian-13
"""

RETURN = r"""
rehearsals:
  description: What differs, for each tree.
  type: list
  elements: dict
  returned: when both could be asked
  contains:
    release:
      description: The tree's id.
      type: str
    hosts:
      description: The hosts that serve it.
      type: list
      elements: str
    result:
      description: V(pass), V(fail) or V(inconclusive).
      type: str
    differences:
      description: A line for each difference.
      type: list
      elements: str
    vulnerabilities:
      description: For hosts with the same nginx its C(version) and C(package), what the tree C(concerns), how many more
        are C(fixed_by_package), and which ones the other nginx has by its number as well (C(left_by_number)).
      type: list
      elements: dict
record:
  description: The page of the record on the controller; C(rehearsal.json) lies beside it.
  type: str
  returned: when both could be asked
"""
