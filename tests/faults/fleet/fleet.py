"""Three hosts and the controller: a run of push and finalize, held in a phase by real means, and what befalls it."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.staging.platform import PlatformImage
from tests.commands import PUSH, begin_playbook
from tests.faults.host.host import Host, until
from tests.integration.passed import passed

__all__ = ["Fleet", "Run"]

# What ansible.cfg has, but for the seconds: a host that is cut is given up sooner here.
_IMPATIENT = {
    "ANSIBLE_TIMEOUT": "5",
    "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=60s -o ServerAliveInterval=3 -o ServerAliveCountMax=2",
}
# A page of PHP's, that checks ask for.
_SHOP = {
    "nginx_sites": [
        {
            "name": "cedi-mart",
            "server_names": ["cedi-mart.example"],
            "root": "/srv/cedi-mart/public",
            "php": {"server": "unix:/run/php/php-fpm.sock", "front_controller": "/index.php"},
            "checks": [{"get": "http://cedi-mart.example/", "expect": {"body": "/products/teapot"}}],
        }
    ]
}
# The engine as the controller starts it has this in its command; the brackets keep the search from finding itself.
_AT_WORK = "pgrep -f '[p]ayload ended early' > /dev/null"


class Run:
    """A run of the controller, in a process group of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self._lines.extend(self.process.stdout)

    def kill(self) -> None:
        """Kill the controller with everything that it started."""
        os.killpg(self.process.pid, signal.SIGKILL)

    def output(self) -> str:
        """Wait for the end of the run and return what a person could read."""
        self._reader.join(240)
        assert not self._reader.is_alive(), f"the run does not end:\n{''.join(self._lines)}"
        self.process.wait()
        return "".join(self._lines)

    def said(self, text: str) -> None:
        """Wait until the run has printed something. One that has ended will not."""

        def has_said() -> bool:
            ended = not self._reader.is_alive()
            found = any(text in line for line in self._lines)
            assert found or not ended, f"the run ended without {text!r}:\n{''.join(self._lines)}"
            return found

        try:
            until(has_said, f"the run says {text!r}")
        except AssertionError as error:
            raise AssertionError(f"{error}; it said:\n{''.join(self._lines)}") from None


class Fleet:
    """The hosts, and two releases that passed the gates: each story deploys the one that does not serve."""

    def __init__(self, project: Path, name: str, hosts: Mapping[str, Host], platform: PlatformImage) -> None:
        self.project, self.name, self.hosts, self._platform = project, name, hosts, platform
        self._folder = Path(tempfile.mkdtemp(prefix="faults-"))
        (self._folder / "push.yml").write_text(PUSH)
        self._releases: list[str] = []

    @property
    def playbook(self) -> Path:
        """Return the playbook that pushes and finalizes."""
        return self._folder / "push.yml"

    @property
    def environment(self) -> dict[str, str]:
        """Return what Ansible is told of the fleet, and of how long it waits for hosts."""
        connections = {"ANSIBLE_SSH_CONTROL_PATH_DIR": str(self._folder), **_IMPATIENT}
        return {"SLUICE_SANDBOX": self.name, "ANSIBLE_NOCOLOR": "1", **connections}

    def close(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self._folder)

    def begin(self, playbook: str | Path, **variables: Any) -> Run:
        """Start a playbook and do not wait for its end."""
        return Run(
            begin_playbook(self.project, str(playbook), "-e", json.dumps(variables), environment=self.environment)
        )

    def releases(self) -> list[str]:
        """Two releases with the receipts of the gates, which are no part of these stories."""
        if not self._releases:
            for word in ("left", "right"):
                lines = ["server {", "listen 80;", "server_name word.example;", f"return 200 '{word}';", "}"]
                variables = {**_SHOP, "nginx_http_lines": lines, "nginx_checks": [{"get": "http://word.example/"}]}
                self._releases.append(passed(self.project, self._platform, variables).id)
        return self._releases

    def level(self) -> None:
        """Let all hosts serve the same release: a story may end with one that is ahead of the others."""
        if len({host.end().release for host in self.hosts.values()}) > 1:
            run = self.push(self.releases()[0])
            output = run.output()
            assert run.process.returncode == 0, output

    def other(self) -> str:
        """The release that a story deploys: the one that web1 does not serve."""
        live = self.hosts["web1"].end().release
        return next(release for release in self.releases() if release != live)

    def push(self, release: str, **variables: Any) -> Run:
        """Start to deploy a release everywhere; the gates are behind it."""
        wanted = {"rollout_releases": dict.fromkeys(self.hosts, release), "rollout_bake": 0.5, **variables}
        return self.begin(self._folder / "push.yml", **wanted)

    def free(self) -> None:
        """After a story: nothing holds a host, nobody is at work, and no connection is kept that leads nowhere."""
        config = str(self.project / ".sluice/fleets" / self.name / "ssh_config")
        for name, host in self.hosts.items():
            _let_go(host)
            control = f"ControlPath={self._folder}/%C"
            argv = ["ssh", "-F", config, "-o", control, "-O", "exit", name]
            subprocess.run(argv, capture_output=True, check=False, timeout=30)
            until(functools.partial(_is_free, host), f"nobody is at work on {name}")

    @contextlib.contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Keep the operations on a host waiting."""
        host = self.hosts[name]
        host.background("flock", "/var/lib/sluice/lock", "sleep", "300")
        until(lambda: host.look()["busy"], f"{name} is held")

        try:
            yield
        finally:
            _let_go(host)

    def serving(self, name: str, release: str) -> None:
        """Wait until a release is pending on a host, and serves."""
        pending = f'"pending": .*"phase": "serving".*"release": "{release}"'
        self.hosts[name].wait(f"grep -q '{pending}' /var/lib/sluice/state.json", f"{release[:12]} serves on {name}")

    def at_work(self, name: str) -> None:
        """Wait until an operation of the controller is under way on a host."""
        self.hosts[name].wait(_AT_WORK, f"{name} is asked something")

    def idle(self, name: str) -> None:
        """Wait until the controller has nothing under way on a host."""
        self.hosts[name].wait(f"! {_AT_WORK}", f"{name} is asked nothing")

    @contextlib.contextmanager
    def cut(self, *names: str) -> Iterator[None]:
        """Let nothing of these hosts reach the controller; among each other they still talk."""
        gateway = "$(ip route show default | cut -d' ' -f3)"
        for name in names:
            self.hosts[name].sh(f"ip route add blackhole {gateway}/32")
        try:
            yield
        finally:
            for name in names:
                self.hosts[name].exec("sh", "-c", f"ip route del blackhole {gateway}/32")


def _is_free(host: Host) -> bool:
    return not host.look()["busy"]


def _let_go(host: Host) -> None:
    host.exec("pkill", "-f", "^sleep 300$")
