"""Staging with a host's own nginx: one that no package has, and one of another distribution's libraries and loader."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml

from ansible_collections.sluice.nginx.plugins.module_utils import remote
from ansible_collections.sluice.nginx.plugins.module_utils.config.facts import facts
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import parse_contract, to_json
from ansible_collections.sluice.nginx.plugins.module_utils.environment.synthesis import synthesise
from ansible_collections.sluice.nginx.plugins.module_utils.needs.reading import needs_of
from ansible_collections.sluice.nginx.plugins.module_utils.platforms.catalog import DISTRIBUTION
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.staging.bounds import Bounds
from ansible_collections.sluice.nginx.plugins.module_utils.staging.from_host.image import ensure_with_host_nginx
from ansible_collections.sluice.nginx.plugins.module_utils.staging.from_host.received import KeptFiles, fetch
from ansible_collections.sluice.nginx.plugins.module_utils.staging.platform import PlatformImage, ensure_platform
from ansible_collections.sluice.nginx.plugins.module_utils.staging.stage import Stage, StageSettings
from tests.commands import Ended
from tests.containers import RunContainer

pytestmark = pytest.mark.integration

MAIN = (Path(__file__).resolve().parents[1] / "gates/packaged.conf").read_bytes()
SITE = "server { listen 80; server_name shop.example; location / { return 200 $nginx_version; } }"
# A binary that no package has: another version, of the same length, at another place.
OWN = """
from pathlib import Path
data = Path("/usr/sbin/nginx").read_bytes()
Path("/opt/own").mkdir()
own = Path("/opt/own/nginx")
own.write_bytes(data.replace(b"{version}", b"{own}"))
own.chmod(0o755)
"""
Run = Callable[..., str]


@pytest.fixture
def run(run_container: RunContainer) -> Run:
    """Run an image as a host; returns the container."""
    return lambda image, *options: run_container("--init", *options, image, "sleep", "infinity")


def _sh(container: str, script: str) -> str:
    argv = ["docker", "exec", container, "sh", "-c", script]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


def test_gates_run_a_version_that_no_package_has_and_it_is_fetched_once(
    run: Run, platform: PlatformImage, play: Callable[..., Ended], packages: list[str], tmp_path: Path
) -> None:
    own = f"{platform.nginx_version[:-1]}9"
    host = run(platform.image)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    subprocess.run(["docker", "cp", "-q", str(tmp_path / "key.pub"), f"{host}:/key.pub"], check=True)
    script = OWN.format(version=platform.nginx_version, own=own)
    _sh(host, f"mkdir -p -m 700 /root/.ssh /run/sshd; cat /key.pub > /root/.ssh/authorized_keys; python3 -c '{script}'")
    _sh(host, "/opt/own/nginx; /usr/sbin/sshd")
    before = _sh(host, "find /opt /usr /etc /var/lib -newer /opt/own/nginx -type f")
    shown = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    argv = ["docker", "inspect", "-f", shown, host]
    address = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()
    common = f"-i {tmp_path}/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o IdentitiesOnly=yes"
    row = {"ansible_host": address, "ansible_user": "root", "ansible_ssh_common_args": common}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"web": {"hosts": {"own1": row}}}))
    settings = {
        "staging_from_host": "own1",
        "staging_packages": packages,
        "sluice_state_dir": str(tmp_path / "state"),
        "gates_probe": False,
        "gates_verify": [],
        "nginx_sites": [
            {
                "name": "word",
                "server_names": ["word.example"],
                "lines": ["location = /version { return 200 $nginx_version; }"],
                "checks": [
                    {"get": "http://word.example/version", "expect": {"status": 200, "body": own}},
                    {"get": "http://word.example/", "expect": {"status": 404}},
                ],
            }
        ],
    }
    arguments = ["-i", str(tmp_path / "hosts.yml"), "-e", json.dumps(settings)]
    done = play("playbooks/gate.yml", *arguments)
    assert done.code == 0, done.output
    assert f"fetching nginx {own} with 0 modules" in done.output
    # Once it is here, one question tells that it is the same.
    again = play("playbooks/platform.yml", *arguments)
    assert again.code == 0, again.output
    assert "fetching nginx" not in again.output
    assert "changed=0" in again.output
    assert _sh(host, "find /opt /usr /etc /var/lib -newer /opt/own/nginx -type f") == before
    unknown = play("playbooks/platform.yml", *arguments, "-e", "staging_from_host=own2")
    assert "staging_from_host: 'own2' is no host of the inventory; name one that runs nginx" in unknown.output


def test_an_nginx_of_another_libc_runs_by_its_own_loader_and_nobody_else_does(
    run: Run,
    engine: docker.DockerClient,
    platform: PlatformImage,
    stage_settings: StageSettings,
    packages: list[str],
    project: Path,
    tmp_path: Path,
) -> None:
    newer = ensure_platform(engine, "debian-13", packages, project / ".sluice/cache", print)
    host = run(newer.image, "--network", "none")
    _sh(host, "nginx")

    def ask(wanted: Sequence[Sequence[object]]) -> Mapping[str, Any]:
        body = {"op": "nginx_files", "run": {"id": "r1", "who": "ann", "from": "desk"}, "want": list(wanted)}
        argv = ["docker", "exec", "-i", host, "sh", "-c", remote.command()]
        done = subprocess.run(argv, input=remote.payload(body), capture_output=True, check=False)
        return remote.answer(done.stdout.decode(), done.stderr.decode(), done.returncode, "nginx_files")

    kept = KeptFiles(tmp_path / "cache")
    nginx = fetch("web1", ask, kept, print)
    over = [(platform.name, DISTRIBUTION)]
    made = ensure_with_host_nginx(engine, nginx, kept, over, lambda *_: platform, print, Bounds())
    assert (made.nginx_version, made.os, made.around) == (newer.nginx_version, newer.os, platform.image)
    assert made.configure == newer.configure
    files = {"nginx.conf": trees.file(MAIN, "raw"), "conf.d/site.conf": trees.file(SITE.encode(), "raw")}
    release = ReleaseStore(tmp_path).add(trees.overlay(files), [], [], {})
    config = parse_tree(release.tree)
    settings = replace(stage_settings, image=made.image, around=made.around)
    environment = synthesise(needs_of(config, ()), {}, ())
    with Stage(engine, "sluice-test-from-host", {release.id: release.tree}, release.id, environment, settings) as stage:
        stage.open(facts(config)["error_logs"])
        assert stage.ask("start")["code"] == 0
        expected = {"status": 200, "body": newer.nginx_version}
        check = {"get": "http://shop.example/", "expect": expected}
        (outcome,) = stage.ask("checks", [to_json(each) for each in parse_contract([check], "checks")])["outcomes"]
        assert outcome["ok"], outcome
        # By the pid file: the oldest process may be a worker by the clock, whose maps are not for root without ptrace.
        mapped = stage.run("sh", "-c", "cat /proc/$(cat /run/nginx.pid)/maps").output
        assert "/usr/lib/sluice/ld.so" in mapped
        assert "/usr/lib/x86_64-linux-gnu/libc.so.6" not in mapped
        # Who asks and judges has nothing of the host.
        of = {part: engine.containers.get(f"{stage.name}-{part}").attrs["Image"] for part in ("nginx", "stub", "judge")}
        assert of == {"nginx": made.image_id, "stub": platform.image_id, "judge": platform.image_id}
