"""What the actions that work on the controller share."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.module_utils.common.yaml import yaml_load
from ansible.plugins.action import ActionBase

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.record import Run, read_run_id
from ansible_collections.sluice.nginx.plugins.module_utils.record.files import keep_private
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import told

__all__ = ["ControllerAction", "project", "read_run", "state"]

# What an argument spec has of a documented option.
_SPEC = ("type", "elements", "required", "default", "choices")


def project() -> Path:
    """The project's folder: where ansible.cfg is, else the current one. Relative paths of variables start here."""
    return Path(constants.CONFIG_FILE or "ansible.cfg").absolute().parent


def state() -> Path:
    """Where the controller keeps releases and records: a folder of its user's alone. Raises ``SluiceError``."""
    return keep_private(project() / ".sluice")


def read_run(value: dict[str, Any]) -> Run:
    """Read a run from a registered result of ``sluice.nginx.run``. Raises ``SluiceError`` where it is none: its folder
    is written to, and is named by its id.
    """
    names = ("id", "folder", "who", "host", "started")
    if not all(isinstance(value.get(name), str) for name in names):
        raise SluiceError("this is no run; give what the module sluice.nginx.run has registered")
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
        try:
            return self.work(options, task_vars or {})
        except SluiceError as error:
            return {"failed": True, "msg": told(error)}

    @classmethod
    def argument_spec(cls) -> dict[str, dict[str, Any]]:
        """Return the argument spec of the action, from the documentation of the module of its name."""
        module = importlib.import_module(cls.__module__.replace(".action.", ".modules."))
        return _spec(yaml_load(module.DOCUMENTATION).get("options") or {})

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Do what the action is for; returns its result."""
        raise NotImplementedError


def _spec(documented: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return documented options as an argument spec."""
    spec = {}
    for name, option in documented.items():
        spec[name] = {key: option[key] for key in _SPEC if key in option}
        if "suboptions" in option:
            spec[name]["options"] = _spec(option["suboptions"])
    return spec
