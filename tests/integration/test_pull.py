"""Hosts that nobody reaches, with a real systemd and a real web server: web1 pulls by its timer, and web2 joins.

The tests run in the order of this file, on one fleet. What is published is what a run publishes; the releases are a few
lines of nginx, and no gate is asked here. tests/integration/test_pull_fleet.py tells the whole way from a deployment.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from ansible_collections.sluice.nginx.plugins.module_utils import receipt as receipts
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.signing import Signer
from ansible_collections.sluice.nginx.plugins.module_utils.publishing.folder import PublishedFolder, Terms
from ansible_collections.sluice.nginx.plugins.module_utils.publishing.model import read_publish
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import now
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import read_release_id
from tests.integration.pulling import PullingFleet
from tests.pushed import PushedRelease

pytestmark = pytest.mark.integration

URL = "https://127.0.0.1:8443"
CONF = """user www-data;
worker_processes 2;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {{ worker_connections 256; }}
http {{
    access_log /var/log/nginx/access.log;
    server {{
        listen 80;
        location / {{ default_type text/plain; return 200 "{word}"; }}
    }}
}}
"""
SERVER = """
import functools, http.server, ssl
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory="/srv/published")
server = http.server.ThreadingHTTPServer(("127.0.0.1", 8443), handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/root/tls/both.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


class Fleet(PullingFleet):
    """Two hosts, and a controller that has releases."""

    name = "test-pull"
    web = ("web1", "web2")

    def __init__(self, project: Path, play: Callable[..., Any], engine: docker.DockerClient, folder: Path) -> None:
        self.store = ReleaseStore(folder / "releases")
        super().__init__(project, play, engine, folder)

    def publish(self, word: str, body: str = "", hosts: tuple[str, ...] = ("web1",)) -> int:
        """Publish a release that serves ``word`` where ``body`` is expected, as a run does; returns its number."""
        tree = self.folder / "trees" / word
        tree.mkdir(parents=True)
        (tree / "nginx.conf").write_text(CONF.format(word=word))
        check = {"get": "http://127.0.0.1/", "expect": {"body": body or word}}
        made = PushedRelease(tree, [check])
        described = {"platform": {}, "needs": [], **made.form}
        folder = self.store.root / made.id
        folder.mkdir(parents=True)
        (folder / "tree").symlink_to(tree)
        (folder / "bundle.tar.gz").write_bytes(made.bundle)
        (folder / "release.json").write_text(json.dumps(described))
        gates = dict.fromkeys(receipts.GATES, "pass")
        receipt = receipts.issue(made.id, "r1", now(), 1, gates, inventory="edge", described=described)
        (folder / "receipt.json").write_text(json.dumps(receipt))
        row = read_publish(str(self.published))
        assert row is not None
        signers = (self.folder / "signers").read_text()
        terms = Terms(Signer(self.folder / "ada", "edge"), signers, {}, {}, 0.2, 30.0, 5, "adopt-package")
        wanted = {name: read_release_id(made.id) for name in (*hosts, "autoscaled")}
        PublishedFolder(self.published, row, self.store, terms).publish(wanted)
        self.copy()
        return self.number("web1")

    def copy(self) -> None:
        """Bring the folder to where the web servers of the hosts have it."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            archive.add(self.published, "published")
        for host in self.web:
            assert self.container(host).put_archive("/srv", buffer.getvalue())

    def word(self, host: str) -> str:
        ask = "import urllib.request as r; print(r.urlopen('http://127.0.0.1/').read().decode())"
        return self.run(host, "python3", "-c", ask).strip()

    def serve(self) -> None:
        """Let each host have a web server on its loopback that hands out what is published."""
        command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=127.0.0.1"
        command += " -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out ca.pem && cat key.pem ca.pem > both.pem"
        for host in self.web:
            self.sh(
                host, f"mkdir -p /root/tls /srv/published; cd /root/tls; {command}; cat > server.py <<'X'\n{SERVER}\nX"
            )
            self.sh(host, "systemd-run --quiet --unit=published python3 /root/tls/server.py")


@pytest.fixture(scope="module")
def fleet(
    project: Path, play: Callable[..., Any], engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    with Fleet(project, play, engine, tmp_path_factory.mktemp("keys")).there() as made:
        made.serve()
        done = made.signed("playbooks/trust.yml", ["web1"])
        assert done.code == 0, done.output
        yield made


def test_what_is_published_arrives_by_the_timer(fleet: Fleet) -> None:
    source = {"source": URL, "interval": 10, "ca": "/root/tls/ca.pem"}
    refused = fleet.signed("playbooks/pull.yml", ["web2"], rollout_pull=source)
    assert "does not know who may sign" in refused.output
    number = fleet.publish("first")
    done = fleet.signed("playbooks/pull.yml", ["web1"], rollout_pull=source)
    assert done.code == 0, done.output
    known = fleet.wait("web1", "serves", number)
    assert (fleet.word("web1"), known["trials"]) == ("first", 1)
    shown = fleet.signed("playbooks/status.yml", ["web1"])
    assert f"pulls what is published for web1 at {URL}" in shown.output
    assert f"(number {number}) serves since" in shown.output


def test_a_bad_one_is_rolled_back_and_not_tried_again(fleet: Fleet) -> None:
    old = (fleet.published / "targets/web1.json").read_bytes()
    number = fleet.publish("bad", body="good")
    known = fleet.wait("web1", "failed", number)
    assert "good" in known["why"]
    assert fleet.word("web1") == "first"
    # Neither by the timer nor by hand.
    said = fleet.fails("web1", "sleep 25; /usr/local/sbin/sluice-pull")
    assert "is not tried again until a newer one is published" in said
    assert fleet.pulled("web1")["trials"] == 1
    # What was published before is signed as well, and is a downgrade.
    (fleet.published / "targets/web1.json").write_bytes(old)
    fleet.copy()
    said = fleet.fails("web1", "systemctl stop sluice-pull.timer; /usr/local/sbin/sluice-pull")
    assert "what is published is older than what this host has taken" in said
    assert fleet.word("web1") == "first"


def test_a_good_one_goes_on_from_there(fleet: Fleet) -> None:
    fleet.publish("second")
    assert "serves, confirmed" in fleet.sh("web1", "/usr/local/sbin/sluice-pull")
    assert fleet.word("web1") == "second"


def test_a_host_that_joins_gets_what_is_confirmed(fleet: Fleet) -> None:
    join = f"python3 -IS /srv/published/join.py --source {URL} --name autoscaled --ca /root/tls/ca.pem --fingerprint"
    places = "find /etc/sluice /var/lib/sluice 2>/dev/null || true"
    before = fleet.sh("web2", places)
    refused = fleet.fails("web2", f"{join} SHA256:{'A' * 43}")
    assert "is not signed by the key" in refused
    assert fleet.sh("web2", places) == before
    said = fleet.sh("web2", f"{join} {fleet.fingerprint}")
    assert "serves, confirmed" in said
    assert fleet.word("web2") == "second"
    assert fleet.sh("web2", "systemctl is-active sluice-pull.timer").strip() == "active"


def test_leaving_takes_the_timer_along(fleet: Fleet) -> None:
    done = fleet.signed("playbooks/leave.yml", ["web2"])
    assert done.code == 0, done.output
    left = fleet.sh(
        "web2", "systemctl list-unit-files 'sluice*' --no-legend || true; find /etc /usr/local -name '*sluice*'"
    )
    assert "sluice-pull" not in left
    assert fleet.word("web2") == "second"
