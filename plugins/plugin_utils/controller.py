"""What the actions that work on the controller share."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants, context
from ansible.plugins.action import ActionBase
from ansible.template import Templar

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError, SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import Run, read_run_id
from ansible_collections.sluice.nginx.plugins.module_utils.storage import keep_private, path_of
from ansible_collections.sluice.nginx.plugins.plugin_utils.documented import documented_options
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import printable_text

__all__ = [
    "GROUP",
    "PULLING",
    "STATE",
    "ControllerAction",
    "group_of",
    "project",
    "pulling_hosts",
    "read_run",
    "state_folder",
]

GROUP, STATE = "sluice_group", "sluice_state_dir"
PULLING = "sluice_pull"
"""The group of the hosts that nobody reaches, and that look for what is published."""

_OF_ALL_PROJECTS = (Path("/etc/ansible/ansible.cfg"), Path("~/.ansible.cfg").expanduser())

# What an argument spec has of a documented option.
_SPEC = ("type", "elements", "required", "default", "choices")


def project() -> Path:
    """Return the project's folder, where relative paths of variables start: that of ``ansible.cfg``, else the current
    one. An ``ansible.cfg`` of the whole machine, or of all projects of a user, is in no project.
    """
    used = Path(constants.CONFIG_FILE or "ansible.cfg").absolute()
    return Path.cwd() if used in _OF_ALL_PROJECTS else used.parent


def state_folder(wanted: str = "") -> Path:
    """Return the folder in which the controller keeps releases and records, for its user alone: ``wanted`` as
    ``sluice_state_dir`` has it, by default ``.sluice``, relative to the project. Raises ``SluiceError``.
    """
    return keep_private(path_of(project(), wanted or ".sluice"))


def group_of(variables: Mapping[str, Any], templar: Templar) -> str:
    """Return the name of the group whose hosts get releases, as ``sluice_group`` has it.

    Raises ``InputError`` where the play runs on others: Ansible chooses the hosts of a play before it reads the
    variables of an inventory.
    """
    if GROUP not in variables:
        return "web"
    name = str(templar.template(variables[GROUP]))
    here = set(variables["groups"].get(name, []))
    others = sorted(set(variables["ansible_play_hosts_all"]) - here - {"localhost"})
    if others or (here and not here & set(variables["ansible_play_hosts_all"]) and not context.CLIARGS.get("subset")):
        raise InputError(
            GROUP,
            f"it is {name!r}, and this play runs on {', '.join(others) or 'none of its hosts'}; the inventory's value "
            f"comes too late: give it by -e {GROUP}={name}, or make the group {name} a child of the group web",
        )
    return name


def pulling_hosts(variables: Mapping[str, Any]) -> frozenset[str]:
    """Return the hosts of the inventory that nobody asks in a run: their release is published."""
    return frozenset(variables.get("groups", {}).get(PULLING, ()))


def read_run(value: dict[str, Any]) -> Run:
    """Read a run from a registered result of ``sluice.nginx.run_start``. Raises ``SluiceError`` where it is none: its
    folder is written to, and is named by its id.
    """
    names = ("id", "folder", "who", "host", "started")
    if not all(isinstance(value.get(name), str) for name in names):
        raise SluiceError("this is no run; give what the module sluice.nginx.run_start has registered")
    run = Run(*(str(value[name]) for name in names))
    if Path(run.folder).name != read_run_id(run.id):
        raise SluiceError(f"the folder of run {run.id} is {run.folder}; expected one of that name")
    return run


class ControllerAction(ActionBase):
    """An action that does not use its task's connection, and works in check mode too.

    It takes the options that the module of its name documents.
    """

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Validate the arguments, do the work, and turn what the user must know into a failure."""
        super().run(tmp, task_vars)
        _, options = self.validate_argument_spec(argument_spec=self.argument_spec())
        self._variables_of_task = task_vars or {}
        try:
            return self.work(options, self._variables_of_task)
        except SluiceError as error:
            return {"failed": True, "msg": printable_text(error)}

    def _group(self) -> str:
        """Return the group whose hosts get releases. Raises ``InputError``."""
        return group_of(self._variables_of_task, self._templar)

    def _hosts_of_group(self) -> list[str]:
        """Return the hosts of the group that this play has, in the order of the inventory. Raises ``SluiceError`` for
        none.
        """
        name, groups = self._group(), self._variables_of_task["groups"]
        if not groups.get(name):
            there = ", ".join(sorted(name for name in groups if name not in ("all", "ungrouped"))) or "none"
            raise SluiceError(
                f"the inventory has no host in a group '{name}', whose hosts get a release; its groups: {there}; "
                "-e sluice_group=NAME names another"
            )
        hosts = [host for host in groups[name] if host in self._variables_of_task["ansible_play_hosts_all"]]
        if not hosts:
            raise SluiceError(f"--limit leaves no host of the group '{name}'")
        return hosts

    def _state(self) -> Path:
        """Return the folder in which the controller keeps what it knows. Raises ``SluiceError``."""
        return state_folder(str(self._templar.template(self._variables_of_task.get(STATE) or "")))

    @classmethod
    def argument_spec(cls) -> dict[str, dict[str, Any]]:
        """Return the argument spec of the action, from the documentation of the module of its name."""
        return _spec(documented_options(cls.__module__.rpartition(".")[2]))

    @abc.abstractmethod
    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Do what the action is for; returns its result."""


def _spec(documented: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return documented options as an argument spec."""
    spec = {}
    for name, option in documented.items():
        spec[name] = {key: option[key] for key in _SPEC if key in option}
        if "suboptions" in option:
            spec[name]["options"] = _spec(option["suboptions"])
    return spec
