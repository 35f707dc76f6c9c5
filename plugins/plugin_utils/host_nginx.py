"""Fetches the nginx of one host, for staging, by the engine there. Nothing changes on the host."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible import context
from ansible.plugins.action import ActionBase

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError, SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.requests import Question, RolloutOptions
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import visitor
from ansible_collections.sluice.nginx.plugins.module_utils.staging.from_host.received import (
    HostNginx,
    KeptFiles,
    fetch,
)
from ansible_collections.sluice.nginx.plugins.plugin_utils.fleet import HostRequest, answers

__all__ = ["fetch_host_nginx"]


def fetch_host_nginx(
    action: ActionBase, host: str, known: Mapping[str, Any], cache: Path, say: Callable[[str], None]
) -> tuple[HostNginx, KeptFiles]:
    """Return the nginx that ``host`` runs, with its files in ``cache``. ``known`` are the variables of all hosts.

    Raises ``SluiceError``.
    """
    if host not in known:
        raise InputError("staging_from_host", f"{host!r} is no host of the inventory; name one that runs nginx")
    # The play may have no root, as it works on the controller; the host is asked as a play of its own would ask it.
    action._task = action._task.copy()
    action._task.become = context.CLIARGS.get("become")
    kept = KeptFiles(cache)

    def ask(wanted: Sequence[Sequence[object]]) -> Mapping[str, Any]:
        request = {"op": "nginx_files", "run": visitor("nginx_files").asking(), "want": list(wanted)}
        ((_, answer),) = answers(action, {host: HostRequest(Question(request), RolloutOptions().timeout)})
        if not answer["ok"]:
            why = "; ".join(_problem(each) for each in answer["problems"])
            raise SluiceError(f"staging_from_host: {host} does not give its nginx: {why}")
        return dict(answer)

    return fetch(host, ask, kept, say), kept


def _problem(row: Mapping[str, str]) -> str:
    more = [f"{name}: {row[name]}" for name in ("expected", "actual", "fix") if row.get(name)]
    return f"{row['what']} ({', '.join(more)})" if more else row["what"]
