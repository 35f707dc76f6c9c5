# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action of the same name; it runs on the controller alone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release
short_description: Renders the trees of all hosts as releases
version_added: 0.1.0
description:
  - Reads the variables of the role C(nginx), for every host of the play in the group C(web), and renders a tree once
    for each set of equal variables. The tree is the platform's packaged one, with the typed sites over it, and the raw
    tree over both.
  - A tree becomes a release in C(.sluice/releases), named by the SHA-256 of its manifest. Hosts with byte-identical
    trees share one.
  - What is wrong with the variables is returned and fails the gate C(spec), which comes next.
options:
  platform:
    description: The result of M(sluice.nginx.staging_image).
    type: dict
    required: true
  live_tree:
    description:
      - A directory, relative to the project, that stands for the live release. It is laid over the packaged tree like a
        raw one, without typed sites, and kept in C(.sluice/live).
    type: str
    default: ""
  promoted_from:
    description:
      - The name of an inventory from which a release goes on to the hosts of the play, in the place of what their
        variables render. The records of this controller say what lived there.
      - Its files and its checks are those that soaked. Empty renders releases.
    type: str
    default: ""
  promoted:
    description: The release that goes on, by its id or the beginning of one. Empty for the only one that serves there.
    type: str
    default: ""
extends_documentation_fragment: [sluice.nginx.controller, sluice.nginx.packages]
author: Sluice (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Render tree of every host as a release
  sluice.nginx.release:
    platform: "{{ sluice_platform }}"
  register: sluice_rendered
"""

RETURN = r"""
releases:
  description: The releases, each with its hosts.
  type: list
  elements: dict
  returned: success
  contains:
    id:
      description: The release, or null when the variables were wrong.
      type: str
    hosts:
      description: The hosts that get it.
      type: list
      elements: str
    needs:
      description: What the variables of these hosts declare as needs.
      type: list
      elements: str
    live:
      description: The id of what O(live_tree) gave, or null.
      type: str
    problems:
      description: What is wrong with the variables, each in a sentence that begins with the variable's path.
      type: list
      elements: str
"""
