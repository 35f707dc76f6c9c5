"""Fleets of the sandbox's hosts, a small site for them, and what is asked of both."""

from __future__ import annotations

import contextlib
import functools
import json
import re
import shlex
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import docker
import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.staging.platform import PlatformImage
from tests.commands import PUSH, begin_playbook
from tests.integration.passed import passed, platform_of
from tests.integration.sandboxes import sandbox
from tests.integration.shells import Shell

__all__ = ["OWN_SITES", "SMALL", "STATE", "WEB", "Fleet", "record_of"]

WEB = ("web1", "web2", "web3")
STATE = "/var/lib/sluice"
# One site in place of those of the sandbox, whose 29 checks cost each deployment seconds, where no story needs them.
SMALL: Mapping[str, Any] = MappingProxyType(
    {
        "nginx_sites": [
            {
                "name": "small",
                "server_names": ["small.example"],
                "routes": [{"path": "/", "return": 204}],
                "checks": [{"get": "http://small.example/", "expect": {"status": 204}}],
            }
        ]
    }
)
# The sandbox's own, where they are.
OWN_SITES: Mapping[str, Any] = MappingProxyType({})


class Fleet:
    """A sandbox of its own, and what is asked of it."""

    name: str
    web: Sequence[str] = WEB
    # Further hosts of the sandbox: without app1 its own sites cannot be deployed, and without mon1 nobody receives a
    # message.
    beside: Sequence[str] = ()
    # Further variables of each deployment.
    usual: Mapping[str, Any] = SMALL
    # Where runs keep what they know, where that is not the project's own folder.
    kept: Path | None = None
    # Arguments of each playbook: an inventory that is another than the sandbox's own, or some of its hosts.
    arguments: Sequence[str] = ()

    def __init__(self, project: Path, play: Callable[..., Any], engine: docker.DockerClient) -> None:
        self.project, self._play, self._engine = project, play, engine
        self._shells: dict[str, Shell] = {}

    @contextlib.contextmanager
    def there(self) -> Iterator[Self]:
        """The fleet, as long as it is needed."""
        with sandbox(self.project, self._engine, self.name, [*self.web, *self.beside]):
            yield self

    def play(self, playbook: str | Path, *arguments: str) -> Any:
        return self._play(playbook, *self.arguments, *self._of_state, *arguments, SLUICE_SANDBOX=self.name)

    @property
    def _of_state(self) -> Sequence[str]:
        return ("-e", f"sluice_state_dir={self.kept}") if self.kept else ()

    def variables(self, word: str, **more: Any) -> dict[str, Any]:
        """Variables that make a release with ``word``, quickly."""
        # The fleet's name keeps its releases, and so their receipts, from being those of another fleet.
        # Without "test", as which a lint rule takes it for another environment's.
        names = f"server_name word.example {self.name.removeprefix('test-')}.example;"
        lines = ["server {", "listen 80;", names, f"return 200 '{word}';", "}"]
        checks = [{"get": "http://word.example/", "expect": {"body": word}}]
        settings = {"nginx_http_lines": lines, "nginx_checks": checks, "gates_verify": [], "rollout_bake": 0.2}
        return {**settings, **self.usual, **more}

    def settings(self, word: str, **more: Any) -> str:
        """The same as extra variables of a playbook."""
        return json.dumps(self.variables(word, **more))

    def deploy(self, word: str, *arguments: str, **more: Any) -> Any:
        return self.play("deploy.yml", "-e", self.settings(word, **more), *arguments)

    def begin(self, word: str, **more: Any) -> subprocess.Popen[str]:
        """Start a deployment and do not wait for its end."""
        return self._begin("deploy.yml", self.settings(word, **more))

    def push(self, word: str, *arguments: str, **more: Any) -> Any:
        """Deploy what needs no gate any more."""
        return self.play(*self._pushing(word, **more), *arguments)

    def begin_push(self, word: str, **more: Any) -> subprocess.Popen[str]:
        """The same, without waiting for its end."""
        playbook, _, settings = self._pushing(word, **more)
        return self._begin(playbook, settings)

    def _begin(self, playbook: str, settings: str) -> subprocess.Popen[str]:
        arguments = [playbook, *self.arguments, *self._of_state, "-e", settings]
        return begin_playbook(self.project, *arguments, environment={"SLUICE_SANDBOX": self.name})

    def _pushing(self, word: str, **more: Any) -> tuple[str, str, str]:
        """The arguments of a run that brings the release with ``word`` to its hosts."""
        wanted = self.variables(word, **more)
        release = passed(self.project, self.platform, wanted, self.kept).id
        return self.pushes, "-e", json.dumps({"rollout_releases": dict.fromkeys(self.web, release), **wanted})

    @property
    def pushes(self) -> str:
        """The playbook that pushes and finalizes ``rollout_releases``."""
        playbook = self.project / ".sluice/fleets" / self.name / "push.yml"
        if not playbook.exists():
            playbook.write_text(PUSH.format(project=self.project))
        return str(playbook)

    @functools.cached_property
    def platform(self) -> PlatformImage:
        return platform_of(self.project, self._engine)

    def known(self, host: str) -> dict[str, Any]:
        """What is written down of a host: its container and its ports."""
        fleet = json.loads((self.project / ".sluice/fleets" / self.name / "fleet.json").read_text())
        return dict(fleet[host])

    def container(self, host: str) -> Any:
        return self._engine.containers.get(self.known(host)["container"])

    def run(self, host: str, *command: str) -> str:
        shell = self._shells.setdefault(host, Shell(str(self.known(host)["container"])))
        if done := shell.run(f"{shlex.join(command)} 2>&1"):
            code, output = done
        else:
            code, said = self.container(host).exec_run(list(command))
            output = said.decode()
        assert code == 0, output
        return output

    def sh(self, host: str, script: str) -> str:
        """Run a script of the shell on a host."""
        return self.run(host, "sh", "-ec", script)

    def state(self, host: str) -> dict[str, Any]:
        return dict(json.loads(self.printed(host, "cat", f"{STATE}/state.json")))

    def printed(self, host: str, *command: str) -> str:
        # The engine loses what a command of a container printed, now and then, when that ends at once.
        return next(filter(None, (self.run(host, *command) for _ in range(5))))

    def live(self) -> dict[str, str]:
        """The confirmed release of each host, with nothing pending."""
        states = {host: self.state(host) for host in self.web}
        for host, known in states.items():
            assert known["pending"] is None, host
            assert known["confirmed"]["release"] == known["live"], host
            assert self.printed(host, "readlink", "/etc/nginx").strip().endswith(known["live"]), host
        return {host: known["live"] for host, known in states.items()}

    def word(self, host: str) -> str:
        """Which word the host answers with."""
        asked = urllib.request.Request(f"http://127.0.0.1:{self.known(host)['ports']['http']}/")
        asked.add_header("Host", "word.example")
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return str(answer.read().decode()).strip()

    def words(self) -> list[str]:
        return [self.word(host) for host in self.web]

    def written(self, host: str) -> str:
        """A digest of what the host's configuration and Sluice's folder hold, and when each was last written: of a long
        output the engine may lose the beginning.
        """
        listed = f"find {STATE} /etc/nginx /etc/nginx/ -printf '%p %C@\\n'"
        return self.printed(host, "sh", "-c", f"{listed} | sha256sum")

    def wait_for_activation(self, host: str, running: subprocess.Popen[str]) -> None:
        """Return when the release of a running deployment is pending on the host, and serves."""
        # One look on the host: each from outside costs more than the wait.
        there = f'until grep -Eq \'"phase": ?"serving"\' {STATE}/state.json; do sleep 0.05; done'
        argv = ["docker", "exec", self.known(host)["container"], "timeout", "180", "sh", "-c", there]
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL) as looking:
            while looking.poll() is None and running.poll() is None:
                time.sleep(0.02)
            looking.terminate()
        pending = self.state(host)["pending"]
        if not pending or pending["phase"] != "serving":
            running.terminate()
            pytest.fail(f"no release was activated on {host}:\n{running.communicate()[0]}")

    def wait_for_person(self, running: subprocess.Popen[str]) -> str:
        """Return the id of the run that has switched ``web1`` and waits for a person, once it does."""
        self.wait_for_activation("web1", running)
        run = str(self.state("web1")["pending"]["run"])
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline and running.poll() is None:
            if (self.project / ".sluice/runs" / run / "waiting.json").exists():
                return run
            time.sleep(0.05)
        running.terminate()
        pytest.fail(f"the run does not wait:\n{running.communicate()[0]}")

    def start(self, host: str) -> None:
        self.container(host).start()
        both = "systemctl is-active ssh && systemctl is-active nginx"
        self.run(host, "sh", "-c", f"until {both}; do sleep 0.1; done > /dev/null")


def record_of(output: str) -> dict[str, Any]:
    return dict(json.loads(Path(re.findall(r"^record: (.+)$", output, re.MULTILINE)[-1]).read_text()))
