"""Variables as each host has them, in an action that runs once for all of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.template import Templar

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.release.interning import Texts

__all__ = ["HostVariables"]


class HostVariables:
    """``hostvars`` of a task, read host by host; ``loader`` is that of the action."""

    def __init__(self, hostvars: Any, loader: Any) -> None:
        self._hostvars, self._loader = hostvars, loader
        self._texts = Texts()

    def raw(self, host: str) -> Mapping[str, Any]:
        """Return the variables of a host as they are written."""
        found: Mapping[str, Any] = self._hostvars.raw_get(host)
        return found

    def plain(self, host: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return values of a host as plain data, without templates. Raises ``SluiceError`` where one cannot be read.

        Most have none, and finding out costs less than templating them.
        """
        texts = {name: self._texts.text(value) for name, value in values.items()}
        templated = {name: values[name] for name, text in texts.items() if "{{" in text or "{%" in text}
        if templated:
            try:
                # Plain at once, so that equal ones of many hosts are kept once.
                rendered = Templar(loader=self._loader, variables=self.raw(host)).template(templated)
                templated = dict(json.loads(json.dumps(rendered, default=str)))
            except AnsibleError as error:
                raise SluiceError(f"the variables of {host} cannot be read: {error}") from error
        return {name: templated[name] if name in templated else self._texts.plain(values[name]) for name in values}
