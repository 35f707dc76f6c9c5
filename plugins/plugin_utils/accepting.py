"""Where ``accepted.yml`` is, and the command that writes it, as the person who runs Ansible would call it."""

from __future__ import annotations

import os
from pathlib import Path

from ansible import context
from ansible.parsing.dataloader import DataLoader
from ansible.utils.vars import load_extra_vars

from ansible_collections.sluice.nginx.plugins.module_utils.accepted.file import NAME, AcceptedFile
from ansible_collections.sluice.nginx.plugins.module_utils.paste import command, variable
from ansible_collections.sluice.nginx.plugins.module_utils.storage import path_of
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import GROUP, STATE, project

__all__ = ["PLACEHOLDER", "accepted_file", "offer"]

PLACEHOLDER = "SAY WHY"
"""Stands for the reason in the command that is offered."""
_FILE = "gates_accepted_file"


def accepted_file(wanted: str) -> AcceptedFile:
    """Return the file ``wanted`` as ``gates_accepted_file`` has it, relative to the project. By default it lies beside
    the inventory: in the folder of the first one that is a file or a folder. In a folder that is an inventory Ansible
    would read it as one. Where the inventory is none of both, it lies in the project.
    """
    if wanted:
        path = path_of(project(), wanted)
    else:
        path = next((Path(each).parent / NAME for each in _sources() if os.path.lexists(each)), project() / NAME)
    return AcceptedFile(path, _shown(path))


def offer(run: str, loader: DataLoader) -> str:
    """Return the command that accepts what ``run`` found, with the inventory and the variables of this one that say
    where things are.
    """
    words = ["ansible-playbook", "sluice.nginx.accept"]
    for each in _sources():
        words += ["-i", _shown(Path(each)) if os.path.lexists(each) else each]
    given = load_extra_vars(loader)
    extra = {name: str(given[name]) for name in (GROUP, STATE, _FILE) if given.get(name)}
    # JSON, since -e ends a value at the first space.
    for name, value in {**extra, "run": run, "reason": PLACEHOLDER}.items():
        words += ["-e", variable(name, value)]
    return command(words)


def _sources() -> list[str]:
    """The inventories of this run: paths, or lists of hosts with commas."""
    return [str(each) for each in context.CLIARGS.get("inventory") or ()]


def _shown(path: Path) -> str:
    """A path as a person calls it, who stands in the project."""
    folder = Path(os.path.abspath(path))
    return str(folder.relative_to(project())) if folder.is_relative_to(project()) else str(folder)
