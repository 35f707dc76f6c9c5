# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action of the same name; it runs on the controller alone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fix
short_description: Applies the fixes of what a run found to the user's files
version_added: 0.1.0
description:
  - Reads the record of a run that the gates stopped, and makes those fixes that a program can tell. A word that is one
    letter from another one, a semicolon that is missing, a header to repeat, an expression without an anchor.
  - The gates examine the releases with the fixes first. A fix whose finding is still there then, or with which a gate
    fails that passed before, is not made.
  - What a template, a typed site or nginx's package has made is out of reach, and listed with its place.
options:
  run:
    description: The id of the run, its beginning, or V(last).
    type: str
    default: last
attributes:
  check_mode:
    description: Asks the gates, and only says what would be changed.
    support: full
  diff_mode:
    description: Shows how the files change.
    support: full
extends_documentation_fragment: [sluice.nginx.gates, sluice.nginx.packages, sluice.nginx.requests]
author: Sluice (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Fix what the last run found
  sluice.nginx.fix:
    run: last
    releases: "{{ sluice_rendered.releases }}"
    staging: "{{ sluice_platform }}"
"""

RETURN = r"""
files:
  description: The files that were changed, relative to the project.
  type: list
  elements: str
  returned: success
left:
  description: What a person has to do, a line for each finding.
  type: list
  elements: str
  returned: success
"""
