"""Tells people what became of a run; the run itself neither waits for that nor fails because of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError, SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.redactor.redactor import Redactor
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import ControllerAction, read_run
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import warn

if TYPE_CHECKING:
    from ansible_collections.sluice.nginx.plugins.module_utils.notify.dispatcher import Dispatcher


class ActionModule(ControllerAction):
    """Hands messages over to a process of their own."""

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Take the step. Settings that cannot be are refused before the run has begun; nothing else fails it."""
        # Here, as Ansible loads the actions of tasks that it skips, too.
        from ansible_collections.sluice.nginx.plugins.module_utils.notify.dispatcher import Dispatcher, NotifySettings
        from ansible_collections.sluice.nginx.plugins.module_utils.redactor.sources import of_channels

        step = options["step"]
        given = [options[name] for name in ("team", "customers")]
        urls = [url for each in given for url in (each if isinstance(each, list) else [each])]
        self._known = of_channels(url for url in urls if isinstance(url, str))
        try:
            dispatcher = Dispatcher(NotifySettings.read(options), self._state(), self._say)
            if step == "kept":
                return self._send_kept(dispatcher)
            if not self._task.check_mode:
                self._take(step, dispatcher, options)
        except (SluiceError, OSError) as error:
            # Ansible shows why a task failed, whatever is secret of its result; no part of a URL is in these words.
            if step == "kept" or (step == "begin" and isinstance(error, InputError)):
                return {"changed": False, "failed": True, "msg": str(error)}
            self._say(f"no message was sent: {error}")
        except Exception as error:
            # A fault of ours is none of the release's. The words of an error may have parts of a URL.
            self._say(f"no message was sent: {type(error).__name__} in the action sluice.nginx.notify")
        return {"changed": False}

    def _take(self, step: str, dispatcher: Dispatcher, options: dict[str, Any]) -> None:
        if step == "look":
            dispatcher.after_look(options["said"])
        elif step == "begin":
            dispatcher.begin(read_run(options["run"]))
        else:
            dispatcher.after_step(step, read_run(options["run"]))

    def _send_kept(self, dispatcher: Dispatcher) -> dict[str, Any]:
        if self._task.check_mode:
            left = dispatcher.kept()
            return {"changed": bool(left), "msg": f"{len(left)} would be sent"}
        sent, failed = dispatcher.send_kept()
        return {"changed": bool(sent), "failed": bool(failed), "msg": f"{sent} sent, {failed} not"}

    def _say(self, text: str) -> None:
        warn(self._display, f"notify: {text}", Redactor(self._known))
