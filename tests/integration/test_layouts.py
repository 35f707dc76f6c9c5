"""A whole life on hosts that run the nginx of others than the distribution, where their packages put it: nginx.org's,
OpenResty's, Angie's and freenginx's, as ``layouts.py`` builds them.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from ansible_collections.sluice.nginx.plugins.module_utils import remote
from ansible_collections.sluice.nginx.plugins.module_utils.config.facts import facts
from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import parse_contract, to_json
from ansible_collections.sluice.nginx.plugins.module_utils.environment.synthesis import synthesise
from ansible_collections.sluice.nginx.plugins.module_utils.needs.reading import needs_of
from ansible_collections.sluice.nginx.plugins.module_utils.platforms.catalog import DISTRIBUTION, platform_named
from ansible_collections.sluice.nginx.plugins.module_utils.platforms.detection import detected_of_answer
from ansible_collections.sluice.nginx.plugins.module_utils.platforms.model import PackagedNginx
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.staging.bounds import Bounds
from ansible_collections.sluice.nginx.plugins.module_utils.staging.from_host.image import ensure_with_host_nginx
from ansible_collections.sluice.nginx.plugins.module_utils.staging.from_host.received import KeptFiles, fetch
from ansible_collections.sluice.nginx.plugins.module_utils.staging.platform import PlatformImage
from ansible_collections.sluice.nginx.plugins.module_utils.staging.stage import Stage, StageSettings
from tests.containers import RunContainer
from tests.integration.hosts import ASK, Host, words
from tests.integration.layouts import LAYOUTS, image, packages
from tests.integration.test_host_stories import RIGHTS, SYSTEMD
from tests.life import TLS, Certbot, pend, reboot_rolls_back, renew, upgrade, wait_for, watchdog_rolls_back
from tests.pushed import PushedRelease

# The first run compiles each of them, which takes minutes.
pytestmark = [pytest.mark.integration, pytest.mark.thorough]

# As each of them calls itself.
VERSIONS = {"nginx.org": "1.22.1", "openresty": "1.22.1.1", "angie": "1.8.0", "freenginx": "1.22.1"}
BY_HAND = "by hand"
# Files that packages bring, and nobody edits.
CHANGED = ("mime.types", "fastcgi_params")


class LaidOut(Host):
    """A host with systemd and one of these, and what is described of it."""

    def __init__(self, container: str, source: str) -> None:
        super().__init__(container)
        self.described: PackagedNginx = platform_named("debian-12", source).nginx

    def is_serving(self, body: str) -> bool:
        """Whether it answers this just now."""
        return self.sh('python3 -IS -c "$ASK" 2>/dev/null || true', check=False) == body

    def wait(self, body: str) -> None:
        """Wait until it answers this."""
        wait_for(lambda: self.is_serving(body), f"{self.described.service} answers {body!r}")

    def kill_nginx(self) -> None:
        """Let the master and its workers die at once."""
        pid = self.described.pid
        self.sh(f"master=$(cat {pid}); kill -9 $master $(cat /proc/$master/task/$master/children); sleep 0.2")

    def main_pid(self) -> str:
        """The process that its own unit takes for nginx's master."""
        return self.sh(f"systemctl show -p MainPID --value {self.described.service}")


@pytest.fixture
def new_host(run_container: RunContainer, platform_image: str, project: Path) -> Callable[[str], LaidOut]:
    """Make hosts of a source, which serve what somebody wrote by hand."""

    def make(source: str) -> LaidOut:
        tag = image(LAYOUTS[source], platform_image, project / ".sluice/cache")
        options = ["--network", "none", "-e", f"ASK={ASK}", *RIGHTS, *SYSTEMD]
        options += ["--security-opt", "seccomp=unconfined"]
        host = LaidOut(run_container(*options, tag, "/sbin/init"), source)
        host.wait(BY_HAND)
        return host

    return make


@pytest.fixture
def release(tmp_path: Path) -> Callable[..., PushedRelease]:
    """Make releases of what a host has in ``/etc/nginx``, with another answer: ``body``."""

    def make(host: LaidOut, body: str, expected: str = "") -> PushedRelease:
        folder = tmp_path / f"{body}-{len(list(tmp_path.iterdir()))}"
        live = host.sh("readlink -f /etc/nginx")
        subprocess.run(["docker", "cp", "-q", f"{host.container}:{live}/.", str(folder)], check=True)
        served = host.body
        listen = "listen       80;"
        if host.sh("ls /etc/letsencrypt 2>/dev/null || true"):
            listen += f" {TLS}"
        for path in folder.rglob("*.conf"):
            if path.is_file() and not path.is_symlink():
                text = path.read_text().replace(f'"{served}\\n"', f'"{body}\\n"')
                path.write_text(text if TLS in text else text.replace("listen       80;", listen))
        made = PushedRelease(folder, [{"get": "http://shop.example/", "expect": {"body": expected or body}}])
        made.form["facts"] = facts(parse_tree(folder))
        return made

    return make


def commands_of(project: Path, nginx: PackagedNginx) -> list[str]:
    """The commands of docs/platforms.md that this nginx needs; what is built like OpenResty needs OpenResty's."""
    page = (project / "docs/platforms.md").read_text(encoding="utf-8")
    blocks = [each.partition("```")[0] for each in page.split("```console\n")[1:]]
    of_angie = nginx.configuration.endswith("/angie.conf")
    block = next(each for each in blocks if ("/etc/angie" if of_angie else "/openresty/nginx/conf") in each)
    lines = [line[2:] for line in block.splitlines() if line.startswith("$ ")]
    described = platform_named("debian-12", "openresty").nginx
    return [line if of_angie else line.replace(described.folder, nginx.folder) for line in lines]


def bring_home(host: LaidOut, project: Path) -> None:
    """Let it read /etc/nginx, as the page says, and see that the preflight says so."""
    nginx = host.described
    if nginx.folder == "/etc/nginx":
        # A directory of the container's own, as on a host: one of the image could not be exchanged.
        host.sh("cp -a /etc/nginx /etc/copy && rm -r /etc/nginx && mv /etc/copy /etc/nginx")
        return
    told = host.ask("preflight", release="a" * 64)
    assert f"move {nginx.folder} to /etc/nginx once, and leave a link from {nginx.folder} to /etc/nginx" in words(told)
    for line in commands_of(project, nginx):
        host.sh(line)
    assert host.body == BY_HAND


@pytest.mark.parametrize("source", LAYOUTS)
def test_a_whole_life(source: str, new_host: Any, release: Any, project: Path, tmp_path_factory: Any) -> None:
    host = new_host(source)
    nginx = host.described
    install, upgrading = packages(LAYOUTS[source], [Path(nginx.configuration).name, *CHANGED])
    host.sh(install)
    bring_home(host, project)
    certbot = Certbot(host, f"systemctl reload {nginx.service}", tmp_path_factory.mktemp("certificates"))
    one, two, three, four = (release(host, body) for body in ("one", "two", "three", "four"))

    # It is told what it is, and that is what staging would have of this source.
    staged = {"os": "debian 12", "flavour": nginx.flavour, "nginx_version": VERSIONS[source], "prefix": nginx.prefix}
    told = host.ask("preflight", release=one.id, facts=one.form["facts"], platform={**staged, "modules": []})
    assert told["ok"], told
    assert (told["nginx"]["binary"], told["nginx"]["configuration"]) == (nginx.binary, nginx.configuration)
    assert told["platform"]["service"] == f"{nginx.service}.service"
    found = detected_of_answer(told)
    assert found.words == f"debian-12 with {nginx.flavour} {VERSIONS[source]} of {source}, started by systemd"

    # Adopted, deployed, and not replaced by what fails a check.
    answer = host.push(one, "r1", confirm=True)
    assert (host.body, host.link.endswith(one.id)) == ("one", True), answer
    # Nothing is warned of but that nobody signs here.
    assert [each for each in answer["warnings"] if not each.startswith("receipts are not verified")] == []
    bad = host.push(release(host, "bad", "good"), "r2")
    assert (bad["ok"], bad["rolled_back"], host.body) == (False, True, "one"), bad

    # The watchdog needs no controller, and a pending release is not what the host comes up with.
    watchdog_rolls_back(host, two, "r3")
    reboot_rolls_back(host, two, "r4")
    ended = "systemctl show -p ExecMainExitTimestampMonotonic --value sluice-boot.service"
    started = f"systemctl show -p ExecMainStartTimestampMonotonic --value {nginx.service}.service"
    assert 0 < int(host.sh(ended)) <= int(host.sh(started))

    # One that has died is started by its own unit, which goes on knowing it.
    # Where the tree names no log, the bake still counts what its build says is written.
    pend(host, two, "r5")
    for _ in range(3):
        assert host.body == "two"
    baked = host.ask("bake", "r5", release=two.id, seconds=0)
    assert (baked["ok"], baked["requests"]) == (True, 3), baked
    host.kill_nginx()
    back = host.ask("rollback", "r5", reason="it died")
    assert (back["ok"], host.body) == (True, "one"), back
    assert host.main_pid() == host.sh(f"cat {nginx.pid}")
    host.sh(f"systemctl reload {nginx.service}; systemctl restart {nginx.service}; systemctl is-active {nginx.service}")
    host.wait("one")

    # Only what the package brought is adopted, by its own names; of a file that was edited its version is put beside.
    changed = [*CHANGED, "nginx.conf.dpkg-dist"] if nginx.packages else []
    if source == "angie":
        # dpkg unpacks beside the link angie.conf, and looks for it beside nginx.conf.
        changed = [*CHANGED, "angie.conf.dpkg-new"]
    if source == "nginx.org":
        # Nobody has edited it there: the site is in a file of its own.
        changed = [*CHANGED, "nginx.conf"]
    upgrade(host, lambda: host.sh(upgrading), dict.fromkeys(changed, *nginx.packages), three, "r6")
    assert host.sh("dpkg --audit") == ""
    assert host.main_pid() == host.sh(f"cat {nginx.pid}")
    renew(host, certbot, four, "r7")

    left = host.ask("leave", "r8")
    assert left["ok"], left
    found_files = "find /etc /run/systemd/system /var/lib -name '*sluice*' 2>/dev/null || true"
    assert (host.sh(found_files), host.link) == ("", "")
    host.reboot()
    host.wait("four")


def test_a_service_that_names_the_file_is_tested_with_it(new_host: Any, release: Any) -> None:
    """The other way that the preflight offers: no link, and ``-c`` in the unit."""
    host = new_host("openresty")
    unit = "/lib/systemd/system/openresty.service"
    host.sh(
        f"cp -a {host.described.folder} /etc/nginx; sed -i 's@/nginx -g@/nginx -c /etc/nginx/nginx.conf -g@' {unit}"
    )
    host.sh("systemctl daemon-reload; systemctl restart openresty")
    assert host.push(release(host, "one"), confirm=True)["ok"]
    assert host.body == "one"
    two = release(host, "two")
    conf = two.folder / "nginx.conf"
    conf.write_text(conf.read_text().replace("sendfile", "sendfiel"))
    answer = host.push(PushedRelease(two.folder), "r2")
    # nginx -t has read what the service reads, before anything was switched.
    assert (answer["ok"], answer["rolled_back"], host.body) == (False, None, "one"), answer
    assert "sendfiel" in words(answer)


def test_staging_runs_angie_of_a_host(
    new_host: Any,
    engine: docker.DockerClient,
    platform: PlatformImage,
    stage_settings: StageSettings,
    tmp_path: Path,
) -> None:
    host: LaidOut = new_host("angie")

    def ask(wanted: Sequence[Sequence[object]]) -> Mapping[str, Any]:
        body = {"op": "nginx_files", "run": {"id": "r1", "who": "ann", "from": "desk"}, "want": list(wanted)}
        return remote.answer(*host.run_engine(remote.payload(body), "root"), "nginx_files")

    kept = KeptFiles(tmp_path / "cache")
    nginx = fetch("web1", ask, kept, print)
    assert nginx.words.startswith("Angie 1.8.0 with 0 modules and ")
    over = [(platform.name, DISTRIBUTION)]
    made = ensure_with_host_nginx(engine, nginx, kept, over, lambda *_: platform, print, Bounds())
    assert (made.flavour, made.nginx_version, made.prefix) == ("Angie", "1.8.0", "/etc/angie")
    main = host.sh("sed s@/etc/angie/@/etc/nginx/@ /etc/angie/angie.conf").encode()
    site = b"server { listen 80; server_name shop.example; location / { return 200 $nginx_version; } }"
    files = {
        "nginx.conf": trees.file(main, "raw"),
        "angie.conf": trees.link("nginx.conf", "raw"),
        "mime.types": trees.file(b"types { text/plain txt; }", "raw"),
        "http.d/site.conf": trees.file(site, "raw"),
    }
    release = ReleaseStore(tmp_path).add(trees.overlay(files), [], [], {})
    config = parse_tree(release.tree)
    settings = replace(stage_settings, image=made.image, around=made.around)
    environment = synthesise(needs_of(config, ()), {}, ())
    with Stage(engine, "sluice-test-layouts", {release.id: release.tree}, release.id, environment, settings) as stage:
        stage.open(facts(config)["error_logs"])
        started = stage.ask("start")
        assert (started["code"], bool(started["master"]), bool(started["workers"])) == (0, True, True), started
        check = {"get": "http://shop.example/", "expect": {"status": 200, "body": "1.22.1"}}
        (outcome,) = stage.ask("checks", [to_json(each) for each in parse_contract([check], "checks")])["outcomes"]
        assert outcome["ok"], outcome
