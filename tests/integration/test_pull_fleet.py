"""Hosts that nobody reaches: web2 pulls what web1 has confirmed, over HTTPS and by its own timer, and web3 joins later.

The tests run in the order of this file, on one fleet. The map in the configuration tells hosts apart, so that a release
can be good in staging and on web1, and bad on web2.
"""

from __future__ import annotations

import functools
import http.server
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.commands import make_certificate
from tests.integration.passed import passed
from tests.integration.pulling import PullingFleet

pytestmark = pytest.mark.integration


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """It says nothing."""


class Fleet(PullingFleet):
    """Three hosts, and a web server of the controller's machine that hands out what is published."""

    name = "test-pull-fleet"

    def __init__(self, project: Path, play: Callable[..., Any], engine: docker.DockerClient, folder: Path) -> None:
        pulling = folder / "pull.yml"
        pulling.write_text("sluice_pull: {hosts: {web2: }}\n")
        self.arguments = ("-i", "inventories/sandbox/hosts.yml", "-i", str(pulling))
        self.url = ""
        super().__init__(project, play, engine, folder)

    @property
    def publishing(self) -> dict[str, Any]:
        """Variables of a run that publishes."""
        row = {"folder": str(self.published), "targets": {"autoscaled": "web1"}}
        return {"gates_signing_key": str(self.folder / "ada"), "rollout_publish": row}

    def bring(self, word: str, on_web2: str = "", *, gates: bool = False) -> Any:
        """Deploy a release with a word, and one that web2 alone answers with; through the gates, or after them."""
        lines = [
            *("map $hostname $word {", f"default {word};", f"web2 {on_web2 or f'{word}-too'};", "}"),
            *("server {", "listen 80;", "server_name word.example;", "return 200 $word;", "}"),
        ]
        checks = [{"get": "http://word.example/", "expect": {"body": word}}]
        settings = {**self.variables(word, nginx_http_lines=lines, nginx_checks=checks), **self.publishing}
        playbook = "deploy.yml"
        if not gates:
            made = passed(self.project, self.platform, {**settings, "gates_inventory": "edge"})
            playbook, settings["rollout_releases"] = self.pushes, dict.fromkeys(("web1", "web2"), made.id)
        done = self.signed(playbook, ("web1", "web2"), **settings)
        assert done.code == 0, done.output
        return done

    def serve(self) -> None:
        """Hand out the folder at an address that the hosts reach."""
        network = next(iter(self.container("web1").attrs["NetworkSettings"]["Networks"].values()))
        address, ca, key = network["Gateway"], self.folder / "ca.pem", self.folder / "key.pem"
        make_certificate(address, ca, key, address)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(ca, key)
        handler = functools.partial(_Quiet, directory=str(self.published))
        self.server = http.server.ThreadingHTTPServer((address, 0), handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"https://{address}:{self.server.server_address[1]}"
        for host in self.web:
            self.sh(host, f"cat > /root/ca.pem <<'X'\n{ca.read_text()}\nX")


@pytest.fixture(scope="module")
def fleet(
    project: Path, play: Callable[..., Any], engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    with Fleet(project, play, engine, tmp_path_factory.mktemp("keys")).there() as made:
        made.serve()
        done = made.signed("playbooks/trust.yml", ("web1", "web2"))
        assert done.code == 0, done.output
        yield made
        made.server.shutdown()


def test_hosts_of_the_group_get_what_the_others_have_confirmed(fleet: Fleet) -> None:
    source = {"source": fleet.url, "interval": 10, "ca": "/root/ca.pem"}
    done = fleet.signed("playbooks/pull.yml", ["web2"], rollout_pull=source)
    assert done.code == 0, done.output
    deployed = fleet.bring("first", gates=True)
    # The run reaches web1 alone.
    assert "1 host switched and confirmed" in deployed.output
    assert fleet.wait("web2", "serves", fleet.number("web2"))["trials"] == 1
    assert (fleet.word("web1"), fleet.word("web2")) == ("first", "first-too")


def test_what_fails_there_alone_is_rolled_back_there_alone(fleet: Fleet) -> None:
    fleet.bring("second", on_web2="broken")
    fleet.wait("web2", "failed", fleet.number("web2"))
    assert (fleet.word("web1"), fleet.word("web2")) == ("second", "first-too")


def test_a_rollback_of_the_others_is_published_as_well(fleet: Fleet) -> None:
    fleet.bring("third")
    fleet.wait("web2", "serves", fleet.number("web2"))
    done = fleet.signed("playbooks/rollback.yml", ("web1", "web2"), **fleet.publishing, rollout_bake=0.2)
    assert done.code == 0, done.output
    assert fleet.word("web1") == "second"
    # What was published for it before it has failed here, and fails again: it stays where it is.
    fleet.wait("web2", "failed", fleet.number("web2"))
    assert fleet.word("web2") == "third-too"


def test_a_host_that_joins_gets_what_is_confirmed(fleet: Fleet) -> None:
    ask = f"r.urlopen('{fleet.url}/join.py', context=ssl.create_default_context(cafile='/root/ca.pem')).read().decode()"
    fleet.sh("web3", f'python3 -c "import ssl, urllib.request as r; print({ask})" > /root/join.py')
    join = f"python3 -IS /root/join.py --source {fleet.url} --name autoscaled --ca /root/ca.pem"
    assert "serves, confirmed" in fleet.sh("web3", f"{join} --fingerprint {fleet.fingerprint}")
    assert fleet.word("web3") == "second"
