# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action of the same name; it runs on the controller alone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: history
short_description: Writes the index page over all runs
version_added: 0.1.0
description:
  - Writes C(.sluice/runs/index.html), with a row for each run and a link to its report. No host is asked.
  - Above them stand the figures of the last twelve weeks, of five hundred runs at most. How often hosts get a release,
    how long that takes, how much of it fails, how soon that is noticed and undone, and what each gate has stopped.
  - A run whose record is missing or damaged is a row that says so.
extends_documentation_fragment: [sluice.nginx.controller, sluice.nginx.packages]
author: Sluice (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Update index of all runs
  sluice.nginx.history:
"""

RETURN = r"""
path:
  description: The page.
  type: str
  returned: success
"""
