# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Prints the reports of a run at its end, and what went wrong on a host when it went wrong."""

from __future__ import annotations

DOCUMENTATION = r"""
name: verdicts
type: notification
short_description: Prints the gates' verdicts and the story of the roll-out
version_added: 0.1.0
description:
  - Shows at the end of a run the table of the gates' verdicts, each finding, and the table of hosts.
  - Shows a report in few lines where all is well in it and another one follows; with C(-v) it shows it whole.
  - Shows what went wrong on a host, or was done to it, as soon as it is known.
  - Prints lines when they are known, also where the output is no terminal.
requirements:
  - C(callbacks_enabled = sluice.nginx.verdicts) in C(ansible.cfg).
author: Sluice (!UNKNOWN)
"""

from pathlib import Path
from typing import Any, NamedTuple

from ansible.plugins.callback import CallbackBase

from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import show, show_text, unbuffered


class _Report(NamedTuple):
    """A report: where it is, whether its task failed, and what stands for it where another one follows."""

    path: Path
    failed: bool
    brief: str


class CallbackModule(CallbackBase):
    """Remembers the reports whose paths results carry as ``sluice_report``."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "sluice.nginx.verdicts"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, display: Any = None, options: Any = None) -> None:
        super().__init__(display=display, options=options)
        self._reports: list[_Report] = []

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Print from now on line by line, so that whoever reads a pipe sees verdicts as they fall."""
        unbuffered()

    def _note(self, result: Any) -> None:
        report = result._result.get("sluice_report")
        if report:
            brief = str(result._result.get("sluice_brief") or "")
            self._reports.append(_Report(Path(report), bool(result._result.get("failed")), brief))
        for line in result._result.get("sluice_problems") or ():
            show(self._display, f"{result._host.get_name()}: {line}", color="red")
        for line in result._result.get("sluice_words") or ():
            show(self._display, f"{result._host.get_name()}: {line}")

    def v2_runner_on_ok(self, result: Any) -> None:
        """Note a result."""
        self._note(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Note a failed result."""
        self._note(result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Print what was noted."""
        for report in self._reports:
            self._display.banner("SLUICE")
            is_whole = self._display.verbosity or report.failed or not report.brief or report is self._reports[-1]
            text = report.path.read_text(encoding="utf-8").rstrip() if is_whole else report.brief
            show_text(self._display, text, color="red" if report.failed else None)
