# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action of the same name; it runs on the controller alone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: suggested_checks_info
short_description: Proposes checks for what no check reaches
version_added: 0.1.0
description:
  - Runs each release in a stage and asks the checks of its contract of a copy that logs the blocks it goes through.
  - For every server, location, C(if) and C(limit_except) that no check reached it tries requests, and prints those that
    do as checks in YAML, with the answer that staging gave, below the variable that they belong to.
  - What a stub answered in the place of an upstream, and where an error came back, is said beside the check.
options:
  releases:
    description: RV(sluice.nginx.release#module:releases) of M(sluice.nginx.release).
    type: list
    elements: dict
    required: true
  staging:
    description: The result of M(sluice.nginx.staging_image).
    type: dict
    required: true
extends_documentation_fragment: [sluice.nginx.controller, sluice.nginx.packages]
author: Sluice (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Propose checks for what no check reaches
  sluice.nginx.suggested_checks_info:
    releases: "{{ sluice_rendered.releases }}"
    staging: "{{ sluice_platform }}"
"""

RETURN = r"""
suggestions:
  description: The checks, as YAML.
  type: str
  returned: success
  sample: |
    nginx_checks:
      # location /, conf.d/shop.conf:4
      - get: http://shop.example/
        expect: {status: 200, body: Welcome}
"""
