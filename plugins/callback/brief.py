# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Shows a run of Sluice on one screen: what its actions say themselves, and of other tasks what Ansible says."""

from __future__ import annotations

DOCUMENTATION = r"""
name: brief
type: stdout
short_description: Shows a run on one screen
version_added: 0.1.0
description:
  - Hides the plays and tasks of this collection that went well. What happens in them they show themselves.
  - A task of this collection that failed is shown with its message. Tasks of others look as they always do.
  - With C(-v) it shows everything, as the callback C(default) does.
  - Prints lines when they are known, also where the output is no terminal.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
requirements:
  - C(stdout_callback = sluice.nginx.brief) in C(ansible.cfg).
author: Sluice (!UNKNOWN)
"""

from typing import Any

from ansible import constants
from ansible.plugins.callback.default import CallbackModule as Default

from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import show_text, unbuffered

_COLLECTION = "sluice.nginx"
_META = ("meta", "ansible.builtin.meta", "ansible.legacy.meta")


class CallbackModule(Default):
    """Ansible's own output, without what went well in this collection."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "sluice.nginx.brief"

    def __init__(self) -> None:
        super().__init__()
        self._heading: Any = None
        self._has_shown_others = False

    def _is_brief(self, task: Any) -> bool:
        """Return whether a task is of this collection, and nobody asked for more."""
        if self._display.verbosity:
            return False
        role = getattr(task, "_role", None)
        is_ours = getattr(role, "_role_collection", None) == _COLLECTION
        return is_ours or self._shows_itself(task) or task.action in _META

    @staticmethod
    def _shows_itself(task: Any) -> bool:
        return str(task.action).startswith(f"{_COLLECTION}.")

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Print from now on line by line."""
        unbuffered()
        super().v2_playbook_on_start(playbook)

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Print the play's name, later, where a task of it is shown."""
        if self._display.verbosity:
            super().v2_playbook_on_play_start(play)
        else:
            self._play, self._heading = play, play

    def _print_task_banner(self, task: Any) -> None:
        if self._heading is not None:
            play, self._heading = self._heading, None
            super().v2_playbook_on_play_start(play)
        self._has_shown_others = True
        super()._print_task_banner(task)

    def _task_start(self, task: Any, prefix: str | None = None) -> None:
        if not self._is_brief(task):
            super()._task_start(task, prefix)
            return
        self._task_type_cache[task._uuid] = prefix or "TASK"
        self._last_task_name = task.get_name().strip()

    def v2_runner_on_ok(self, result: Any) -> None:
        """Show what went well in tasks of others, and what tasks of this collection changed without saying it."""
        if not self._is_brief(result.task) or (result.result.get("changed") and not self._shows_itself(result.task)):
            super().v2_runner_on_ok(result)
        else:
            self._handle_warnings_and_exception(result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Show what was skipped in tasks of others."""
        if not self._is_brief(result.task):
            super().v2_runner_on_skipped(result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        """Show an item as its task is shown."""
        if not self._is_brief(result.task) or (result.result.get("changed") and not self._shows_itself(result.task)):
            super().v2_runner_item_on_ok(result)
        else:
            self._handle_warnings_and_exception(result)

    def v2_runner_item_on_skipped(self, result: Any) -> None:
        """Show an item as its task is shown."""
        if not self._is_brief(result.task):
            super().v2_runner_item_on_skipped(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Show the message alone where that is all there is to say."""
        message = result.result.get("msg")
        is_plain = self._shows_itself(result.task) and not result.task.loop
        if not (self._is_brief(result.task) and is_plain and isinstance(message, str)):
            super().v2_runner_on_failed(result, ignore_errors)
            return
        # Where in this collection's playbooks that is, only -v tells.
        self._handle_warnings(result.result)
        show_text(self._display, f"FAILED: {message}", color=constants.COLOR_ERROR)

    def v2_playbook_on_include(self, included_file: Any) -> None:
        """Show what tasks of others include."""
        if not self._is_brief(included_file._task):
            super().v2_playbook_on_include(included_file)

    def v2_on_file_diff(self, result: Any) -> None:
        """Show a difference, of tasks of this collection without their names."""
        if self._is_brief(result.task):
            self._last_task_banner = result.task._uuid
        super().v2_on_file_diff(result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Print Ansible's own recap where it tells of tasks that were shown, or of hosts that could not be reached."""
        if self._display.verbosity or self._has_shown_others or stats.dark:
            super().v2_playbook_on_stats(stats)
