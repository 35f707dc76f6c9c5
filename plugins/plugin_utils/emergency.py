"""Whether this run is an emergency, which only the person who starts it may say."""

from __future__ import annotations

from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.utils.vars import load_extra_vars

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError

__all__ = ["NAME", "emergency_of"]

NAME = "rollout_emergency"


def emergency_of(given: str, loader: DataLoader, templar: Templar, written: Any = None) -> str:
    """Return the reason of an emergency, ``given`` as Ansible resolved it, empty when there is none.

    It counts from the command line alone (``-e``, a file or JSON too, and so AWX's extra variables): whoever may change
    an inventory, a role or a fact must not be able to override the gates that examine the change. So what is given must
    be what the command line has. ``written`` is the value as it was read, which may know where it stands. Raises
    ``InputError`` for a reason from anywhere else.
    """
    if not given or given == str(templar.template(load_extra_vars(loader).get(NAME, ""))):
        return given
    where = _origin(written)
    raise InputError(
        NAME,
        f"it is set {where}, and counts from the command line alone; take it out there, and where it burns give it by "
        f'-e {NAME}="why"',
    )


def _origin(written: Any) -> str:
    """Return where a value was written, as far as Ansible knows."""
    try:
        from ansible._internal._datatag._tags import Origin

        origin = Origin.get_tag(written)
    except ImportError:
        origin = None
    if origin is None or not origin.path:
        return "by an inventory, a playbook, a role or a fact"
    return f"in {origin.path}" + (f":{origin.line_num}" if origin.line_num else "")
