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
  - Shows what went wrong on a host, or was done to it, as soon as it is known.
requirements:
  - C(callbacks_enabled = sluice.nginx.verdicts) in C(ansible.cfg).
author: Sluice (!UNKNOWN)
"""

from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import show, show_text


class CallbackModule(CallbackBase):
    """Remembers the reports whose paths results carry as ``sluice_report``."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "sluice.nginx.verdicts"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, display: Any = None, options: Any = None) -> None:
        super().__init__(display=display, options=options)
        self._reports: list[tuple[Path, bool]] = []

    def _note(self, result: Any) -> None:
        report = result._result.get("sluice_report")
        if report:
            self._reports.append((Path(report), bool(result._result.get("failed"))))
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
        for report, failed in self._reports:
            self._display.banner("SLUICE")
            text = report.read_text(encoding="utf-8").rstrip()
            show_text(self._display, text, color="red" if failed else None)
