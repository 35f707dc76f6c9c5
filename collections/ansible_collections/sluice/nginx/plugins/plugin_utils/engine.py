"""What the actions that ask hosts share."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.sluice.nginx.plugins.module_utils import remote
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.plugin_utils.patience import NoAnswer, patience

__all__ = ["EngineAction", "failure"]


class EngineAction(ActionBase):
    """An action that has the engine on a host do something, by any connection plugin. ``_vars`` are the task's."""

    _vars: dict[str, Any]

    def _engine(self, request: dict[str, Any], bundle: bytes = b"") -> dict[str, Any]:
        """One round trip to the engine on the host."""
        python = str(self._vars.get("ansible_python_interpreter") or "python3")
        command = remote.command("python3" if python.startswith("auto") else python)
        data = remote.payload(request, bundle)
        if self._connection.is_pipelining_enabled():
            done = self._low_level_execute_command(command, in_data=data)
        else:
            self._make_tmp_path()
            path = self._connection._shell.join_path(self._connection._shell.tmpdir, "payload")
            self._transfer_data(path, data)
            done = self._low_level_execute_command(f"{command} < {path}")
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return dict(remote.answer(done["stdout"], done["stderr"], done["rc"]))

    def _patiently(self, seconds: float, ask: Any) -> dict[str, Any]:
        """Ask, and turn whatever goes wrong, or takes longer, into an answer with a problem."""
        try:
            with patience(seconds):
                return dict(ask())
        except NoAnswer:
            return failure(f"the host did not answer within {seconds:g} s; see what hangs there", unreachable=True)
        except AnsibleConnectionFailure as error:
            return failure(f"the host cannot be reached: {error}", unreachable=True)
        except (SluiceError, AnsibleError) as error:
            return failure(str(error))
        except Exception as error:  # a wave must not end half way because of a fault of ours
            return failure(f"{type(error).__name__} on the controller: {error}")


def failure(what: str, *, unreachable: bool = False) -> dict[str, Any]:
    """What stands for the answer of a host that gave none."""
    return {"ok": False, "changed": False, "unreachable_host": unreachable, "problems": [{"what": what}]}
