# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Prepares what Ansible forks: each task of a play is a copy of the process that read the playbook."""

from __future__ import annotations

DOCUMENTATION = r"""
name: forks
type: notification
short_description: Makes the tasks of a run start faster
version_added: 0.1.0
description:
  - Imports once, before the first play, what the tasks of Sluice share. Otherwise each task imports it again.
  - Keeps the compiled modules of this collection, as Python does. Otherwise each run and each task compiles them again.
  - Keeps Python's garbage collector from what is there before a play. Otherwise each task goes over all of Ansible.
  - Nothing but the time of a run depends on it.
requirements:
  - C(callbacks_enabled = sluice.nginx.forks) in C(ansible.cfg).
author: Sluice (!UNKNOWN)
"""

import contextlib
import gc
import importlib
from typing import Any

from ansible.plugins.callback import CallbackBase
from ansible.utils.collection_loader import _collection_finder

from ansible_collections.sluice.nginx.plugins.plugin_utils.bytecode import use_bytecode

_PLUGINS = "ansible_collections.sluice.nginx.plugins"
_SHARED = (
    "module_utils.replies",
    "module_utils.redactor.redactor",
    "module_utils.redactor.releases",
    "module_utils.fleet.requests",
    "module_utils.fleet.decisions",
    "plugin_utils.fleet",
)


class CallbackModule(CallbackBase):
    """Shows nothing."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "sluice.nginx.forks"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        use_bytecode(_collection_finder._AnsibleCollectionPkgLoaderBase)

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Import what tasks share. What cannot be imported fails in the task that needs it, with its words."""
        # Not above: only what is imported from now on comes from its bytecode.
        from ansible_collections.sluice.nginx.plugins.module_utils import redaction, remote
        from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError

        for name in _SHARED:
            with contextlib.suppress(ImportError, SluiceError):
                importlib.import_module(f"{_PLUGINS}.{name}")
        redaction.prepare()
        # Its digest is asked for by each task that speaks with hosts.
        remote.pack()

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Freeze what is there (see ``gc.freeze``): in a fork, collecting it would copy its memory as well."""
        gc.freeze()

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Freeze what is there: at the end of the process there is nothing to find."""
        gc.freeze()
