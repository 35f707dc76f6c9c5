"""The engines of a play's hosts, each reached as Ansible reaches it for a task: by its connection and become plugins.

Ansible has no public way for an action to speak with another host than the one that it runs for. What it does for a
task is in ``TaskExecutor``, whose inner steps are used here, and nowhere else.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

from ansible.errors import AnsibleError
from ansible.executor.process import worker
from ansible.executor.task_executor import TaskExecutor
from ansible.plugins.action import ActionBase
from ansible.template import Templar

from ansible_collections.sluice.nginx.plugins.module_utils import remote
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.requests import Question
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.signing import sign_engine
from ansible_collections.sluice.nginx.plugins.module_utils.storage import path_of
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import project

__all__ = ["HostEngine", "engines", "variables_of"]


class HostSettings(NamedTuple):
    """What a host's variables say of the way to its engine: the command of its own engine or nothing, its Python, and
    the key that signs or nothing.
    """

    own: str = ""
    python: str = "python3"
    key: str = ""


def _settings(templar: Templar) -> HostSettings:
    # Here, and not when the host is asked: Ansible cannot render for two hosts on two threads.
    def read(name: str) -> str:
        return str(templar.template(templar.available_variables.get(name)) or "").strip()

    own, python = read("rollout_engine_command"), read("ansible_python_interpreter")
    plain = "python3" if not python or python.startswith("auto") else python
    return HostSettings(own, plain, read("gates_signing_key") if own else "")


class HostEngine(ActionBase):
    """The engine on one host. An action's ways of running a command on it are what this is made of.

    It is asked on a thread, so nothing is rendered then.
    """

    settings = HostSettings()

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Nothing: it is no task."""
        return {}

    def ask(self, question: Question) -> dict[str, Any]:
        """One round trip, or two on first contact, when the host has not got the engine yet.

        Raises ``SluiceError`` and what the connection plugin raises.
        """
        if self.settings.own:
            return self._ask_own(self.settings.own, question)
        command = remote.command(self.settings.python)
        try:
            return self._answer_to(command, question.payload, question.request["op"])
        except remote.EngineMissing:
            return self._answer_to(command, question.first_payload, question.request["op"])

    def _ask_own(self, command: str, question: Question) -> dict[str, Any]:
        """Ask the host's own engine. Where it is another one than the controller's, and the key that signs is at hand,
        it is updated first.
        """
        operation = question.request["op"]
        answer = self._sent(command, question.payload, operation)
        differs = not answer.get("ok") and "engine" in answer
        if not (differs and self.settings.key):
            return answer
        signed = sign_engine(path_of(project(), self.settings.key))
        request = {"op": "update_engine", "run": question.request["run"], "statement": signed.content}
        update = remote.payload({**request, "signature": signed.signature}, remote.pack().data, engine=False)
        updated = self._sent(command, update, "update_engine")
        return self._sent(command, question.payload, operation) if updated.get("ok") else updated

    def _sent(self, command: str, data: bytes, operation: str) -> dict[str, Any]:
        """Send exactly ``command``, without a shell of Ansible's and without become around it."""
        rc, out, err = self._connection.exec_command(command, in_data=data, sudoable=False)
        said, noise = out.decode("utf-8", "replace"), err.decode("utf-8", "replace")
        if rc == 127 or "command not found" in noise:
            raise SluiceError(
                f"rollout_engine_command: the host has no engine of its own at {command!r}; run sluice.nginx.trust as "
                "an administrator (-e rollout_engine_command=), which installs it"
            )
        return remote.answer(said, noise, rc, operation)

    def _answer_to(self, command: str, data: bytes, operation: str) -> dict[str, Any]:
        if self._connection.is_pipelining_enabled():
            # Named, for else Ansible lets a `sleep 0` follow, one more process on each host. What that prevents happens
            # on terminals only.
            shell = self._play_context.executable
            done = self._low_level_execute_command(command, in_data=data, executable=shell)
        else:
            self._make_tmp_path()
            path = self._connection._shell.join_path(self._connection._shell.tmpdir, "payload")
            self._transfer_data(path, data)
            done = self._low_level_execute_command(f"{command} < {path}")
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return dict(remote.answer(done["stdout"], done["stderr"], done["rc"], operation))


class _Connector(TaskExecutor):
    """Makes connections as they are made for a task, and runs no task."""

    _play_context: Any

    def connect(self, variables: dict[str, Any], templar: Templar) -> Any:
        context = self._play_context.set_task_and_variable_override(self._task, variables, templar)
        context.post_validate(templar=templar)
        context.remote_addr = context.remote_addr or self._host.address
        self._play_context = context
        plugin = variables.get("ansible_connection")
        self._connection = self._get_connection(
            variables, templar, self._task.connection if plugin is None else templar.template(plugin)
        )
        self._set_connection_options(variables, templar)
        self._connection._play_context = context
        return self._connection


def engines(action: ActionBase, hosts: list[str]) -> Iterator[tuple[str, HostEngine | Exception]]:
    """Make the way to each host; where its variables do not allow one, what is wrong with them stands in its place."""
    # The passwords that were asked for on the command line, before anything of the first host came to it.
    context = worker.current_worker._play_context
    manager = worker.current_worker._variable_manager
    shared = action._shared_loader_obj
    for host in hosts:
        found, variables = manager._inventory.get_host(host), variables_of(action, host)
        templar = Templar(loader=action._loader, variables=variables)
        connector = _Connector(found, action._task, variables, context, action._loader, shared, None, manager)
        try:
            connection = connector.connect(variables, templar)
            settings = _settings(templar)
        except AnsibleError as error:
            yield host, error
            continue
        way = HostEngine(action._task, connection, connector._play_context, action._loader, templar, shared)
        way.settings = settings
        yield host, way


@functools.cache
def variables_of(action: ActionBase, host: str) -> dict[str, Any]:
    """The variables of a host for the task of ``action``, templates not rendered."""
    return _get_vars(action, host, **_play_hosts(action))


@functools.cache
def _play_hosts(action: ActionBase) -> dict[str, list[str]]:
    """Return the hosts of the play, as Ansible's own strategies hand them on: for each host it would else go over the
    whole inventory, those that ``--limit`` leaves out included.
    """
    # They are the same for every host of the play; localhost always is one.
    found = _get_vars(action, "localhost")
    return {"_hosts": found["ansible_play_batch"], "_hosts_all": found["ansible_play_hosts_all"]}


def _get_vars(action: ActionBase, host: str, **hosts: list[str]) -> dict[str, Any]:
    manager, task = worker.current_worker._variable_manager, action._task
    found = manager._inventory.get_host(host)
    return dict(manager.get_vars(play=task.get_play(), host=found, task=task, include_hostvars=False, **hosts))
