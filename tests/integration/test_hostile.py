"""A fleet in which one host belongs to somebody else, a site with a hostile visitor, and a hostile change of the tree.

Good changes are deployed to the others, nothing leaks, and nothing outside of the store changes.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.integration.fleet import Fleet, record_of

pytestmark = pytest.mark.integration

HERE = Path(__file__).parent / "hostile"
HONEST = "web1,web2,localhost"
# A visitor gets lines into the log with paths of files.
_FILES = {
    "nginx_sites": [
        {
            "name": "cedi-mart",
            "server_names": ["cedi-mart.example"],
            "root": "/srv/cedi-mart/public",
            "checks": [{"get": "http://cedi-mart.example/assets/logo.svg", "expect": {"status": 200}}],
        }
    ]
}
SECRET = "S3CR3T-of-the-controller"
# Seconds; the visitor ends by itself after that.
LASTS = 280

# What tests beside these make in the state folder.
_OF_OTHER_TESTS = {"drills", "history.html", "notices", "postmortems", "releases", "runs"}
# Others are told without containers, in test_hostile_host.py.
SAYS = ("a path for a release", "another tree than it names", "escapes", "too much")
# Of what these say of their trees the gates make something; the others are heard by each step alike.
READ_BY_GATES = SAYS[:2]


class HostileFleet(Fleet):
    """The fleet, of which ``web3`` answers what it likes once it was taken over."""

    name = "test-hostile"
    usual = _FILES

    def put(self, host: str, name: str, data: bytes, mode: int = 0o755) -> None:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), mode
            archive.addfile(entry, io.BytesIO(data))
        self.container(host).put_archive("/tmp", packed.getvalue())

    def take_over(self, host: str) -> None:
        self.put(host, "answering.py", (HERE / "answering.py").read_bytes())
        # The name stays a link for whoever is well; what Ansible starts is not Python any more.
        script = b"#!/bin/sh\nexec /usr/bin/python3.real -I /tmp/answering.py\n"
        self.put(host, "python", script)
        self.run(
            host,
            "sh",
            "-c",
            "cp /usr/bin/python3 /usr/bin/python3.real; rm /usr/bin/python3; cp /tmp/python /usr/bin/python3",
        )

    def says(self, host: str, what: str) -> None:
        self.put(host, "says", what.encode(), 0o644)


@pytest.fixture(scope="module")
def fleet(project: Path, play: Callable[..., Any], engine: docker.DockerClient) -> Iterator[HostileFleet]:
    with HostileFleet(project, play, engine).there() as made:
        first = made.push("first")
        assert first.code == 0, first.output
        made.take_over("web3")
        yield made


def _everything_else(project: Path) -> dict[str, str]:
    """The digests of what no run may change: the project without its state, and what lies beside the state."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=project, capture_output=True, check=True).stdout
    names = [name.decode() for name in tracked.split(b"\0") if name]
    found = {
        name: hashlib.sha256((project / name).read_bytes()).hexdigest() for name in names if (project / name).is_file()
    }
    beside = [*project.parent.glob("*"), *project.glob("*"), *(project / ".sluice").glob("*")]
    return found | {str(path): "" for path in beside if "cache" not in path.name and path.name not in _OF_OTHER_TESTS}


def test_a_host_that_answers_anything_fails_alone_and_changes_nothing_here(fleet: HostileFleet) -> None:
    before, live = _everything_else(fleet.project), {host: fleet.state(host)["live"] for host in ("web1", "web2")}
    for what in SAYS:
        fleet.says("web3", what)
        bring = fleet.deploy if what in READ_BY_GATES else fleet.push
        done = bring(f"stopped by {SAYS.index(what)}")
        assert done.code == 2, f"{what}: {done.output}"
        assert "web3" in done.output, what
        assert "\x1b" not in done.output, what
        assert not re.search(r"^::error", done.output, re.MULTILINE), what
        assert "Traceback" not in done.output, what
        record = record_of(done.output)
        assert set(record["hosts"]) <= {"web1", "web2", "web3"}, what
        for host in ("web1", "web2"):
            state = fleet.state(host)
            assert (state["live"], state["pending"]) == (live[host], None), what
    assert _everything_else(fleet.project) == before
    assert list(fleet.project.rglob("escaped*")) == []


def test_status_and_the_gates_come_to_their_end_beside_it(fleet: HostileFleet) -> None:
    # More of what such a host may say is in test_hostile_host.py.
    fleet.says("web3", "numbers for lists")
    for playbook in ("playbooks/status.yml", "playbooks/unlock.yml"):
        done = fleet.play(playbook)
        assert "web3" in done.output, playbook
        assert "Traceback" not in done.output, playbook


def test_good_changes_are_deployed_while_a_visitor_forges_lines(fleet: HostileFleet) -> None:
    fleet.put("web1", "visiting.py", (HERE / "visiting.py").read_bytes())
    fleet.put("web2", "visiting.py", (HERE / "visiting.py").read_bytes())
    for host in ("web1", "web2"):
        fleet.container(host).exec_run(["python3", "/tmp/visiting.py", str(LASTS)], detach=True)
    log = "/var/log/nginx/error.log"
    deadline = time.monotonic() + 30
    while "[emerg]" not in fleet.run("web1", "sh", "-c", f"tail -n 50 {log}"):
        assert time.monotonic() < deadline, "the visitor's lines are not in the log"
        time.sleep(0.5)
    for word in ("second", "third"):
        done = fleet.push(word, "--limit", HONEST, rollout_bake=2)
        assert done.code == 0, done.output
        assert [fleet.word(host) for host in ("web1", "web2")] == [word] * 2
    # A change that fails is still seen, and rolled back, in the middle of it.
    broken = fleet.push(
        "never", "--limit", HONEST, nginx_checks=[{"get": "http://word.example/", "expect": {"body": "no"}}]
    )
    assert broken.code == 2, broken.output
    assert "web1 failed in activate" in broken.output, broken.output
    assert [fleet.word(host) for host in ("web1", "web2")] == ["third"] * 2
    for host in ("web1", "web2"):
        fleet.run(
            host,
            "sh",
            "-c",
            "for each in /proc/[0-9]*; do grep -qs '[v]isiting' $each/cmdline && kill ${each#/proc/}; done; true",
        )


def _hostile_trees(folder: Path) -> dict[str, Path]:
    """Trees as a pull request may bring them, by the words that stop them."""
    outside = folder / "outside"
    outside.mkdir()
    (outside / "vault").write_text(f"{SECRET};\n")

    def tree(name: str, **files: str) -> Path:
        root = folder / name
        for path, content in {"conf.d/site.conf": "server { listen 80; }\n", **files}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(content)
        return root

    leak = tree("leak", **{"conf.d/a.conf": "include conf.d/inner/*;\n"})
    (leak / "conf.d/inner").symlink_to(outside)
    (leak / "conf.d/x.conf.j2").symlink_to(outside / "vault")
    control = tree("control")
    (control / "conf.d/a\n::error file=deploy.yml::pwned").write_text("")
    key = subprocess.run(
        ["openssl", "genpkey", "-algorithm", "ed25519"], capture_output=True, text=True, check=True
    ).stdout
    return {
        "is a link, and a template is a file": leak,
        "lookup() reaches beyond the tree": tree(
            "lookup", **{"conf.d/a.conf.j2": f"# {{{{ lookup('file', '{outside}/vault') }}}}\n"}
        ),
        "[unpackaged_module]": tree(
            "module", **{"modules-enabled/a.conf": "load_module /etc/nginx/own/a.so;\n", "own/a.so": "no ELF"}
        ),
        "[writes_to_system_path]": tree("cron", **{"conf.d/b.conf": "access_log /etc/cron.d/zz;\n"}),
        "[serves_system_path]": tree(
            "root", **{"conf.d/b.conf": "server { listen 81; root /; } # sluice: accept serves_system_path: please\n"}
        ),
        "[proxy_to_internal_service]": tree(
            "metadata", **{"conf.d/b.conf": "server { listen 81; location / { proxy_pass http://169.254.169.254; } }\n"}
        ),
        "[secret_in_tree]": tree("key", **{"ssl/shop.key": key}),
        "control": control,
    }


def test_a_hostile_change_of_the_tree_is_stopped_and_learns_nothing(
    fleet: HostileFleet, tmp_path: Path, play: Callable[..., Any]
) -> None:
    before = _everything_else(fleet.project)
    # One run examines them all, each as the change of a host of its own.
    changes = {f"change{number}": item for number, item in enumerate(_hostile_trees(tmp_path).items())}
    inventory = tmp_path / "changes.json"
    hosts = {host: {"nginx_tree": str(tree)} for host, (_, tree) in changes.items()}
    inventory.write_text(json.dumps({"web": {"hosts": hosts}}))
    limit = ("--limit", "change*:localhost")
    done = play("playbooks/gate.yml", "-i", "inventories/bare", "-i", str(inventory), *limit)
    assert done.code == 2, done.output
    assert SECRET not in done.output
    assert "PRIVATE KEY" not in done.output
    assert not re.search(r"^::error", done.output, re.MULTILINE)
    examined = {host: each for each in record_of(done.output)["releases"] for host in each["hosts"]}
    assert examined.keys() == changes.keys(), done.output
    for host, (words, _) in changes.items():
        assert not examined[host]["passed"], words
        assert words in " ".join(done.output.split()), done.output
        assert words.strip("[]") in json.dumps(examined[host]["verdicts"], ensure_ascii=False), words
    record = Path(re.findall(r"^record: (.+)$", done.output, re.MULTILINE)[-1]).parent
    for path in (path for path in record.rglob("*") if path.is_file()):
        text = path.read_text(encoding="utf-8", errors="replace")
        assert path.stat().st_mode & 0o077 == 0, path
        assert SECRET not in text, path
        assert "PRIVATE KEY-----" not in text, path
    assert _everything_else(fleet.project) == before
    assert (fleet.project / ".sluice").stat().st_mode & 0o077 == 0
