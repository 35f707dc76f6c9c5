"""Hosts that nobody reaches: web2 pulls what web1 has confirmed, over HTTPS and by its own timer, and web3 joins later.

The tests run in the order of this file, on one fleet. The map in the configuration tells hosts apart, so that a release
can be good in staging and on web1, and bad on web2.
"""

from __future__ import annotations

import functools
import http.server
import json
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.integration.fleet import SMALL

pytestmark = [pytest.mark.integration, pytest.mark.thorough]

NAME = "test-pull-fleet"
WEB = ("web1", "web2", "web3")
# Within which the timer looks, ten seconds and a chance of as many, and the host tries what it finds.
_SECONDS = 120.0


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """It says nothing."""


class Fleet:
    """Three hosts, and a web server of the controller's machine that hands out what is published."""

    def __init__(self, project: Path, play: Callable[..., Any], engine: docker.DockerClient, folder: Path) -> None:
        self.project, self._play, self._engine, self.folder = project, play, engine, folder
        self.published, self.url = folder / "published", ""
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "ada")], check=True)
        (folder / "signers").write_text(f"ada@desk {(folder / 'ada.pub').read_text()}")
        (folder / "pull.yml").write_text("sluice_pull: {hosts: {web2: }}\n")

    @property
    def publishing(self) -> dict[str, Any]:
        """Variables of a run that publishes."""
        row = {"folder": str(self.published), "targets": {"autoscaled": "web1"}}
        return {"gates_signing_key": str(self.folder / "ada"), "rollout_publish": row}

    def play(self, playbook: str, hosts: str, **settings: Any) -> Any:
        inventories = ("-i", str(self.project / "inventories/sandbox"), "-i", str(self.folder / "pull.yml"))
        given = {"gates_inventory": "edge", "rollout_allowed_signers": str(self.folder / "signers"), **settings}
        return self._play(playbook, *inventories, "--limit", hosts, "-e", json.dumps(given), SLUICE_SANDBOX=NAME)

    def deploy(self, word: str, on_web2: str = "") -> Any:
        lines = [
            *("map $hostname $word {", f"default {word};", f"web2 {on_web2 or word};", "}"),
            *("server {", "listen 80;", "server_name word.example;", "return 200 $word;", "}"),
        ]
        checks = [{"get": "http://word.example/", "expect": {"body": word}}]
        settings = {"nginx_http_lines": lines, "nginx_checks": checks, "gates_verify": [], "rollout_bake": 0.2}
        done = self.play("deploy.yml", "web1,web2", **{**SMALL, **settings, **self.publishing})
        assert done.code == 0, done.output
        return done

    def container(self, host: str) -> Any:
        known = json.loads((self.project / ".sluice/fleets" / NAME / "fleet.json").read_text())
        return self._engine.containers.get(known[host]["container"])

    def run(self, host: str, script: str, *, code: int = 0) -> str:
        done, output = self.container(host).exec_run(["sh", "-ec", script])
        assert done == code, output.decode()
        return str(output.decode())

    def word(self, host: str) -> str:
        ask = "import urllib.request as r; q = r.Request('http://127.0.0.1/', headers={'Host': 'word.example'})"
        script = f'python3 -c "{ask}; print(r.urlopen(q).read().decode())" || echo none'
        return self.run(host, script).strip().splitlines()[-1]

    def pulled(self, host: str) -> dict[str, Any]:
        text = self.run(host, "cat /var/lib/sluice/pull.json 2>/dev/null || echo '{}'")
        return dict(json.loads(text or "{}"))

    def wait(self, host: str, outcome: str, number: int) -> dict[str, Any]:
        """Return what the host remembers once the timer has led to an outcome of what has this number."""
        until = time.monotonic() + _SECONDS
        while time.monotonic() < until:
            known = self.pulled(host)
            if known.get("outcome") == outcome and known.get("number") == number:
                return known
            time.sleep(1)
        pytest.fail(
            f"{host} did not get to {outcome}: {known}\n{self.run(host, 'journalctl -u sluice-pull | tail -30')}"
        )

    def number(self, name: str = "web2") -> int:
        return int(json.loads((self.published / "targets" / f"{name}.json").read_text())["statement"]["number"])

    def serve(self) -> None:
        """Hand out the folder at an address that the hosts reach."""
        network = next(iter(self.container("web1").attrs["NetworkSettings"]["Networks"].values()))
        address, both = network["Gateway"], self.folder / "both.pem"
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        command += ["-days", "2", "-subj", f"/CN={address}", "-addext", f"subjectAltName=IP:{address}"]
        subprocess.run([*command, "-keyout", str(self.folder / "key.pem"), "-out", str(both)], check=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(both, self.folder / "key.pem")
        handler = functools.partial(_Quiet, directory=str(self.published))
        self.server = http.server.ThreadingHTTPServer((address, 0), handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"https://{address}:{self.server.server_address[1]}"
        for host in WEB:
            self.run(host, f"cat > /root/ca.pem <<'X'\n{both.read_text()}\nX")


@pytest.fixture(scope="module")
def fleet(
    project: Path, play: Callable[..., Any], engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    made = Fleet(project, play, engine, tmp_path_factory.mktemp("keys"))
    try:
        done = made.play("playbooks/sandbox.yml", ",".join(WEB))
        assert done.code == 0, done.output
        made.serve()
        done = made.play("playbooks/trust.yml", "web1,web2")
        assert done.code == 0, done.output
        yield made
        made.server.shutdown()
    finally:
        made.play("playbooks/sandbox.yml", ",".join(WEB), sandbox_state="absent")


def test_hosts_of_the_group_get_what_the_others_have_confirmed(fleet: Fleet) -> None:
    source = {"source": fleet.url, "interval": 10, "ca": "/root/ca.pem"}
    done = fleet.play("playbooks/pull.yml", "web2", rollout_pull=source)
    assert done.code == 0, done.output
    deployed = fleet.deploy("first")
    # The run reaches web1 alone.
    assert "1 host switched and confirmed" in deployed.output
    assert fleet.wait("web2", "serves", fleet.number())["trials"] == 1
    assert (fleet.word("web1"), fleet.word("web2")) == ("first", "first")


def test_what_fails_there_alone_is_rolled_back_there_alone(fleet: Fleet) -> None:
    fleet.deploy("second", on_web2="broken")
    fleet.wait("web2", "failed", fleet.number())
    assert (fleet.word("web1"), fleet.word("web2")) == ("second", "first")


def test_a_rollback_of_the_others_is_published_as_well(fleet: Fleet) -> None:
    fleet.deploy("third")
    fleet.wait("web2", "serves", fleet.number())
    done = fleet.play("playbooks/rollback.yml", "web1,web2", **fleet.publishing, rollout_bake=0.2)
    assert done.code == 0, done.output
    assert fleet.word("web1") == "second"
    # What was published for it before it has failed here, and fails again: it stays where it is.
    fleet.wait("web2", "failed", fleet.number())
    assert fleet.word("web2") == "third"


def test_a_host_that_joins_gets_what_is_confirmed(fleet: Fleet) -> None:
    listed = ["ssh-keygen", "-lf", str(fleet.folder / "ada.pub")]
    fingerprint = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()[1]
    ask = f"r.urlopen('{fleet.url}/join.py', context=ssl.create_default_context(cafile='/root/ca.pem')).read().decode()"
    fleet.run("web3", f'python3 -c "import ssl, urllib.request as r; print({ask})" > /root/join.py')
    join = f"python3 -IS /root/join.py --source {fleet.url} --name autoscaled --ca /root/ca.pem"
    assert "serves, confirmed" in fleet.run("web3", f"{join} --fingerprint {fingerprint}")
    assert fleet.word("web3") == "second"
