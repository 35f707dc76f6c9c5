"""Finds or makes the images of the platforms that hosts have on the controller."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError
from ansible_collections.sluice.nginx.plugins.module_utils.staging.ahead import check_ahead, start_ahead
from ansible_collections.sluice.nginx.plugins.module_utils.staging.bounds import Bounds, read_bounds
from ansible_collections.sluice.nginx.plugins.module_utils.staging.connection import connect
from ansible_collections.sluice.nginx.plugins.module_utils.staging.labels import labels
from ansible_collections.sluice.nginx.plugins.module_utils.staging.platform import PlatformImage, ensure_platform
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import printable
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import ControllerAction, project
from ansible_collections.sluice.nginx.plugins.plugin_utils.host_variables import HostVariables
from ansible_collections.sluice.nginx.plugins.plugin_utils.live import LiveLine, is_live

# Options that a host may have otherwise, by a variable of its own, as staging_platform.
_OF_A_HOST = ("platform", "nginx", "nginx_version", "packages", "base_digest", "from_host")

# What an image is made of, by those options, and the hosts that have its platform.
_Wanted = tuple[dict[str, Any], list[str]]


class ActionModule(ControllerAction):
    """Asks Docker on the controller."""

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Ensure the images; what is said means that one had to be made."""
        check_ahead(options["ahead"], options["kept_minutes"])
        said: list[str] = []
        bounds = read_bounds(options["bounds"])
        self._hosts = task_vars["hostvars"]
        wanted = self._wanted(options, task_vars)
        with LiveLine(self._display) as live:
            self._live = live

            def say(line: str) -> None:
                said.append(line)
                live.goes_on(line)

            images = [(self._image(each, options, bounds, say), hosts) for each, hosts in wanted]
            if said:
                named = ", ".join(str(image["image"]) for image, _ in images)
                live.line(f"the platform {'images are' if images[1:] else 'image is'} there: {named}", "good")
        (usual, _), *others = images
        # Actions work in processes of their own, whose parent goes on to the end of the run.
        run = os.getppid()
        marks, ahead = labels(project(), "stage"), ""
        # Only a person runs the gates again within minutes.
        kept = 60 * options["kept_minutes"] if is_live() else 0
        if options["ahead"]:
            ahead = start_ahead(options["ahead"], usual["image"], marks, bounds, run, usual["around"], kept)
        environment = {name: options[name] for name in ("docroots", "directories", "services", "images", "bounds")}
        return {
            "changed": bool(said),
            **usual,
            "others": [{**image, "hosts": hosts} for image, hosts in others],
            "environment": environment,
            "ahead": ahead,
        }

    def _wanted(self, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> list[_Wanted]:
        """Return what the image of each platform is made of, and the hosts that it is for.

        The task has the options of the host that it runs on. A host that does not set a variable has what that one
        would have, did it not set it either. Raises ``InputError`` for a value that is none.
        """
        here, groups = str(task_vars["inventory_hostname"]), task_vars["groups"]
        hosts = self._hosts_of_group() if groups.get(self._group()) else [here]
        variables = HostVariables(task_vars["hostvars"], self._loader)
        spec = {name: option for name, option in self.argument_spec().items() if name in _OF_A_HOST}

        def own(host: str) -> dict[str, Any]:
            raw = variables.raw(host)
            written = {name: raw[_variable(name)] for name in spec if _variable(name) in raw}
            return _validated(host, variables.plain(host, written), spec)

        set_here = own(here)
        # Where the task has another value than the variable, the task's is meant, for all hosts.
        meant = {name: options[name] for name in spec if set_here.get(name, options[name]) != options[name]}
        usual = {name: spec[name].get("default") if name in set_here else options[name] for name in spec}
        found: dict[str, _Wanted] = {}
        for host in hosts:
            given = {**usual, **own(host), **meant}
            found.setdefault(json.dumps(given, sort_keys=True), (given, []))[1].append(host)
        return list(found.values())

    def _image(
        self, wanted: Mapping[str, Any], options: Mapping[str, Any], bounds: Bounds, say: Callable[[str], None]
    ) -> dict[str, Any]:
        cache = Path(options["cache"]) if options["cache"] else self._state() / "cache"
        packages, digest, version, host = (
            wanted[name] for name in ("packages", "base_digest", "nginx_version", "from_host")
        )

        def make(name: str, source: str) -> PlatformImage:
            return ensure_platform(connect(), name, packages, cache, say, bounds, digest, source, version)

        if host:
            platform = self._of_host(wanted, cache, make, bounds, say)
        else:
            platform = make(wanted["platform"], wanted["nginx"])
        return {**dataclasses.asdict(platform), "tree": str(platform.tree), "packages": list(packages)}

    def _of_host(
        self,
        wanted: Mapping[str, Any],
        cache: Path,
        make: Callable[[str, str], PlatformImage],
        bounds: Bounds,
        say: Callable[[str], None],
    ) -> PlatformImage:
        """Return the image with the nginx that a host runs."""
        # Here, as most runs need none of it.
        from ansible_collections.sluice.nginx.plugins.module_utils.staging.from_host.image import (
            bases,
            ensure_with_host_nginx,
        )
        from ansible_collections.sluice.nginx.plugins.plugin_utils.host_nginx import fetch_host_nginx

        host, version = wanted["from_host"], wanted["nginx_version"]
        if version:
            raise InputError(
                "staging_from_host", f"it has the nginx of {host} staged, and staging_nginx_version {version}; set one"
            )
        nginx, kept = fetch_host_nginx(self, host, self._hosts, cache, say)
        over = bases(wanted["platform"], wanted["nginx"], nginx)
        platform = ensure_with_host_nginx(connect(), nginx, kept, over, make, say, bounds)
        for lack in nginx.lacks:
            self._live.line(f"{host}: {printable(lack)}", "warn")
        return platform


def _variable(option: str) -> str:
    return f"staging_{option}"


def _validated(host: str, values: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """Hold a host's variables to the spec of the options. Raises ``InputError``."""
    taken = {name: spec[name] for name in values}
    result = ArgumentSpecValidator({_variable(name): option for name, option in taken.items()}).validate(
        {_variable(name): value for name, value in values.items()}
    )
    if result.error_messages:
        raise InputError(f"variables of {host}", "; ".join(result.error_messages))
    return {name: result.validated_parameters[_variable(name)] for name in taken}
