"""What people do with their hosts: each story ends as its user would expect, and what a host cannot do is said before
anything is touched.

Hosts are containers with systemd, and are asked through ``docker exec`` instead of SSH.
"""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.containers import RunContainer
from tests.integration.hosts import ASK, CONF, Host, release, words
from tests.pushed import PushedRelease

__all__ = ["release"]

pytestmark = pytest.mark.integration

RIGHTS = ["--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN", "--cap-add", "SYS_PTRACE"]
SYSTEMD = [
    "--security-opt", "apparmor=unconfined", "--cgroupns", "host", "-v", "/sys/fs/cgroup:/sys/fs/cgroup:rw",
    "--tmpfs", "/run", "--tmpfs", "/run/lock",
]  # fmt: skip
# Another unit than the distribution's, which runs nginx in its foreground.
EDGE = """[Unit]
Description=edge
[Service]
ExecStart=/usr/sbin/nginx
ExecReload=/bin/kill -HUP $MAINPID
KillMode=mixed
Restart=always
RestartSec=20
[Install]
WantedBy=multi-user.target
"""
NewMachine = Callable[..., Host]


@pytest.fixture
def new_machine(run_container: RunContainer, host_image: str) -> NewMachine:
    """Make hosts with systemd, whose nginx serves what somebody wrote by hand."""

    def make(*options: str, seccomp: str = "unconfined", conf: str = "") -> Host:
        rights = [*RIGHTS, "--security-opt", f"seccomp={seccomp}"]
        argv = ["--network", "none", "-e", f"ASK={ASK}", *rights, *SYSTEMD, *options, host_image, "/sbin/init"]
        host = Host(run_container(*argv))
        wait_for(lambda: host.sh("systemctl is-active nginx", check=False) in ("active", "failed"), "a boot with nginx")
        text = conf or CONF.format(workers=2, main="", server="", status=200, body="by hand")
        # A directory of the container's own, as on a host: one of the image could not be exchanged.
        host.sh(
            f"cp -a /etc/nginx /etc/copy && rm -r /etc/nginx && mv /etc/copy /etc/nginx; {write('nginx.conf', text)}"
        )
        host.sh("systemctl restart nginx")
        return host

    return make


def write(name: str, text: str) -> str:
    """Return the words of the shell that write a file of nginx's configuration."""
    return f"printf %s {shlex.quote(text)} > {shlex.quote(f'/etc/nginx/{name}')}"


def wait_for(is_so: Callable[[], bool], what: str, seconds: float = 90.0) -> None:
    """Wait until something is so."""
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, f"not within {seconds:g} s: {what}"
        time.sleep(0.1)


def drop_in(host: Host, *lines: str) -> None:
    """Give nginx's unit a drop-in, and start it with that."""
    text = "\n".join(["[Service]", *lines, ""])
    host.sh("mkdir -p /etc/systemd/system/nginx.service.d")
    host.sh(f"printf %s {shlex.quote(text)} > /etc/systemd/system/nginx.service.d/x.conf")
    host.sh("systemctl daemon-reload; systemctl restart nginx; systemctl is-active nginx")


def untouched(host: Host, release: PushedRelease) -> dict[str, Any]:
    """Both the preflight and the activation refuse a release, and nothing on the host has changed; returns the
    preflight's answer.
    """
    before = host.sh("ls -lab /etc /etc/nginx/; readlink /etc/nginx || true")
    found = host.ask("preflight", "r9", release=release.id, facts=release.form["facts"])
    pushed = host.push(release, run="r9")
    assert not found["ok"], found
    assert not pushed["ok"], pushed
    assert {each["what"] for each in found["problems"]} <= {each["what"] for each in pushed["problems"]}
    assert pushed.get("rolled_back") is None
    assert host.sh("ls -lab /etc /etc/nginx/; readlink /etc/nginx || true") == before
    assert not host.ask("status")["pending"]
    return found


@pytest.mark.parametrize("fixed", ["/etc/nginx/nginx.conf", "/etc/nginx"])
def test_immutable_files_are_seen_before_anything_is_touched(new_machine: NewMachine, release: Any, fixed: str) -> None:
    host = new_machine("--cap-add", "LINUX_IMMUTABLE")
    host.sh(f"chattr +i {fixed}")
    try:
        found = untouched(host, release("one"))
        assert f"{fixed} is immutable or append-only on this host, and a switch replaces it" in words(found)
        assert f"chattr -i -a {fixed}" in words(found)
        assert host.body == "by hand"
    finally:
        host.sh(f"chattr -i {fixed}")
    assert host.push(release("one"), confirm=True)["ok"]


def test_an_immutable_file_of_an_old_release_holds_up_no_deployment(new_machine: NewMachine, release: Any) -> None:
    host = new_machine("--cap-add", "LINUX_IMMUTABLE")
    host.push(release("one"), confirm=True)
    place = f"{host.link}/nginx.conf"
    host.sh(f"chattr +i {place}")
    try:
        for number, body in enumerate(["two", "three", "four"]):
            one = release(body)
            assert host.push(one, run=f"n{number}")["ok"]
            answer = host.ask("confirm", f"n{number}", release=one.id, keep=0)
            assert answer["ok"], answer
        assert host.body == "four"
        assert f"{Path(place).parent} could not be removed: Operation not permitted" in " ".join(answer["warnings"])
    finally:
        host.sh(f"chattr -i {place}")


HIDING = {
    "releases are hidden": (
        ["TemporaryFileSystem=/var/lib:ro", "BindPaths=/var/lib/nginx"],
        "does not see /var/lib/sluice",
    ),
    "another directory is bound": (["BindReadOnlyPaths=/srv/conf:/etc/nginx"], "has another /etc/nginx than the host"),
}


@pytest.mark.parametrize("story", HIDING)
def test_the_preflight_looks_with_the_eyes_of_the_service(new_machine: NewMachine, release: Any, story: str) -> None:
    lines, said = HIDING[story]
    host = new_machine()
    host.sh("cp -a /etc/nginx /srv/conf")
    drop_in(host, *lines)
    assert said in words(untouched(host, release("one")))
    assert host.body == "by hand"
    assert host.sh("systemctl restart nginx; systemctl is-active nginx") == "active"


def test_a_hidden_folder_that_the_unit_binds_is_seen(new_machine: NewMachine, release: Any) -> None:
    host = new_machine()
    host.sh("mkdir -p /var/lib/sluice")
    drop_in(host, "TemporaryFileSystem=/var/lib:ro", "BindPaths=/var/lib/nginx", "BindReadOnlyPaths=/var/lib/sluice")
    assert host.push(release("one"), confirm=True)["ok"]
    assert (host.body, host.sh("systemctl restart nginx; systemctl is-active nginx")) == ("one", "active")


def test_what_the_service_may_not_write_is_found_before_the_switch(new_machine: NewMachine, release: Any) -> None:
    host = new_machine()
    drop_in(
        host, "ProtectSystem=strict", "ReadWritePaths=/var/log/nginx /run /var/lib/nginx", "ReadOnlyPaths=/etc/nginx"
    )
    assert host.push(release("one"), confirm=True)["ok"]
    assert (host.body, host.sh("systemctl restart nginx; systemctl is-active nginx")) == ("one", "active")
    answer = host.push(release("two", server="access_log /srv/two.log;"), run="r2")
    assert (answer["ok"], answer["rolled_back"], host.body) == (False, None, "one"), answer
    assert '/srv/two.log\\" failed (30: Read-only file system)' in words(answer)
    assert host.sh("ls /srv") == ""


def test_a_binary_upgrade_in_flight_is_refused_and_one_that_ends_is_waited_for(
    new_machine: NewMachine,
    release: Any,
) -> None:
    host = new_machine()
    host.push(release("one"), confirm=True)
    host.sh("kill -USR2 $(cat /run/nginx.pid)")
    wait_for(lambda: host.sh("cat /run/nginx.pid.oldbin", check=False) != "", "two masters")
    found = untouched(host, release("two"))
    assert "a binary upgrade of nginx is in flight on this host" in words(found)
    assert f"kill -QUIT {host.sh('cat /run/nginx.pid.oldbin')}" in words(found)
    host.sh("(sleep 2; kill -QUIT $(cat /run/nginx.pid.oldbin)) >/dev/null 2>&1 &")
    assert host.push(release("two"), run="r2", confirm=True)["ok"]
    assert host.body == "two"


def test_an_upgrade_in_the_bake_is_called_one(new_machine: NewMachine, release: Any) -> None:
    host, one = new_machine(), release("one")
    host.push(one)
    host.sh("kill -USR2 $(cat /run/nginx.pid); sleep 1; kill -QUIT $(cat /run/nginx.pid.oldbin); sleep 1")
    found = host.ask("bake", release=one.id, seconds=0)
    assert "nginx was restarted meanwhile, or its package upgraded the running binary" in words(found)


def edge(host: Host) -> None:
    """Let nginx be run in its foreground by a unit of another name."""
    conf = "daemon off;\n" + CONF.format(workers=2, main="", server="", status=200, body="by hand")
    host.sh(f"systemctl disable -q --now nginx; systemctl mask -q nginx; {write('nginx.conf', conf)}")
    host.sh(f"printf %s {shlex.quote(EDGE)} > /etc/systemd/system/edge.service")
    host.sh("systemctl daemon-reload; systemctl enable -q --now edge")
    wait_for(lambda: host.sh('python3 -IS -c "$ASK"', check=False) == "by hand", "nginx under its other unit")


def test_nginx_that_dies_is_started_by_the_unit_that_runs_it(new_machine: NewMachine, release: Any) -> None:
    host = new_machine()
    edge(host)
    one, two = release("one", main="daemon off;"), release("two", main="daemon off;")
    one.form["facts"]["foreground"] = two.form["facts"]["foreground"] = True
    host.push(one, confirm=True)
    host.push(two, run="r2")
    host.kill_nginx()
    answer = host.ask("rollback", "r2")
    assert (answer["ok"], answer["rolled_back"], host.body) == (True, True, "one"), answer
    assert host.sh("systemctl is-active edge") == "active"
    main = host.sh("systemctl show -p MainPID --value edge")
    assert main == host.sh("cat /run/nginx.pid")
    assert host.sh("systemctl restart edge; systemctl is-active edge") == "active"
    host.push(two, run="r3")
    wanted = host.sh(
        "ls /etc/systemd/system/edge.service.wants; grep -h Before= /etc/systemd/system/sluice-boot.service"
    )
    assert wanted.split() == ["sluice-boot.service", "Before=nginx.service", "edge.service"]


def test_nginx_in_the_foreground_that_nobody_runs_is_refused(new_machine: NewMachine, release: Any) -> None:
    host = new_machine()
    host.sh("systemctl disable -q --now nginx; systemctl mask -q nginx")
    host.sh("setsid sh -c 'nginx -g \"daemon off;\" & exit' >/dev/null 2>&1; sleep 1")
    one = release("one")
    one.form["facts"]["foreground"] = True
    assert "nothing on this host is known to start nginx" in words(untouched(host, one))


# As `RuntimeDirectory=` of a unit has it: nobody but nginx's user writes there.
UNPRIVILEGED = [
    "User=www-data", "Group=www-data", "AmbientCapabilities=CAP_NET_BIND_SERVICE", "PIDFile=/run/nginx/nginx.pid",
    "RuntimeDirectory=nginx", "ExecStop=",
]  # fmt: skip
UPLOAD = """
import urllib.request
print(urllib.request.urlopen("http://127.0.0.1/up", data=b"x" * 3000000, timeout=5).status)
"""


def test_nothing_of_a_master_that_is_not_root_changes_owner(new_machine: NewMachine, release: Any) -> None:
    host = new_machine()

    def made(body: str, more: str = "") -> PushedRelease:
        up = "location /up { proxy_pass http://127.0.0.1/; } client_max_body_size 9m;"
        found: PushedRelease = release(body, server=f"{up} {more}")
        conf = found.folder / "nginx.conf"
        text = conf.read_text().replace("user www-data;", "").replace("/run/nginx.pid", "/run/nginx/nginx.pid")
        conf.write_text(text)
        again = PushedRelease(found.folder)
        again.form["facts"]["pid"] = "/run/nginx/nginx.pid"
        return again

    host.sh("systemctl stop nginx; chown -R www-data: /var/log/nginx /var/lib/nginx")
    host.sh(write("nginx.conf", (made("by hand").folder / "nginx.conf").read_text()))
    drop_in(host, *UNPRIVILEGED)
    owners = "stat -c '%U %n' /var/log/nginx/* /var/lib/nginx/* /run/nginx/*"
    before = host.sh(owners)
    assert "root" not in before
    assert host.push(made("one"), confirm=True)["ok"]
    answer = host.push(made("two", "access_log /var/log/nginx/two.log;"), run="r2", confirm=True)
    assert answer["ok"], answer
    assert set(before.splitlines()) <= set(host.sh(owners).splitlines())
    assert "www-data /var/log/nginx/two.log" in host.sh(owners)
    assert host.sh(f"python3 -c {shlex.quote(UPLOAD)}") == "200"
    # What nobody's unit runs is still nobody's nginx.
    host.sh("systemctl stop nginx")
    host.sh("setpriv --reuid www-data --clear-groups nginx -g 'pid /tmp/x.pid;' >/dev/null 2>&1 || true")
    assert "does not run" in words(host.ask("preflight", release=made("one").id))


def test_a_pid_file_that_moves_away_from_the_unit_is_stopped(new_machine: NewMachine, release: Any) -> None:
    host, one = new_machine(), release("one")
    conf = one.folder / "nginx.conf"
    conf.write_text(conf.read_text().replace("/run/nginx.pid", "/run/nginx2.pid"))
    moved = PushedRelease(one.folder)
    moved.form["facts"]["pid"] = "/run/nginx2.pid"
    found = untouched(host, moved)
    assert "the release moves nginx's pid file away from where nginx.service waits for it" in words(found)
    assert "PIDFile=/run/nginx2.pid" in words(found)
    same = release("two")
    same.form["facts"]["pid"] = "/var/run/nginx.pid"
    assert host.push(same, confirm=True)["ok"]


def test_a_link_of_before_is_back_after_a_rollback(new_machine: NewMachine, release: Any) -> None:
    host = new_machine()
    host.sh("mkdir -p /opt/conf; mv /etc/nginx /opt/conf/2024; ln -s 2024 /opt/conf/current")
    host.sh("ln -s ../opt/conf/current /etc/nginx; nginx -s reload")
    bad = release("one", contract=[{"get": "http://shop.example/", "expect": {"body": "three"}}])
    answer = host.push(bad)
    assert (answer["ok"], answer["rolled_back"], host.link) == (False, True, "../opt/conf/current"), answer
    host.sh("echo '# edit' >> /opt/conf/current/nginx.conf; nginx -t")
    assert host.ask("status")["drift"] == []
    two = release("two")
    assert host.push(two, run="r2", confirm=True)["ok"]
    first = host.ask("status")["confirmed"]["before"]
    assert host.ask("activate", "r3", release={"id": first}, stored=True, receipt=two.receipt)["ok"]
    assert host.ask("confirm", "r3", release=first)["ok"]
    assert (host.link, host.body, host.ask("status")["live"]) == ("../opt/conf/current", "by hand", first)
    host.sh("echo '# edit' >> /opt/conf/current/nginx.conf")
    assert "nginx.conf (changed)" in words(host.ask("preflight", "r4", release=two.id))


PUPPET = "rm -r /etc/nginx; cp -a /root/catalog /etc/nginx; systemctl reload nginx"


def test_what_a_configuration_management_writes_is_stated_and_one_command_away(
    new_machine: NewMachine,
    release: Any,
) -> None:
    host, one, two = new_machine(), release("one"), release("two")
    host.sh("cp -a /etc/nginx /root/catalog")
    host.push(one, confirm=True)
    host.sh(PUPPET)
    found = host.ask("preflight", "r2", release=two.id)
    assert "/etc/nginx no longer leads to the live release (it is a directory again" in words(found)
    assert "-e rollout_drift=discard" in words(found)
    assert host.push(two, run="r2", drift="discard", confirm=True)["ok"]
    assert host.body == "two"
    # The same while a release is pending.
    host.push(one, run="r3")
    host.sh(PUPPET)
    baked = host.ask("bake", "r3", release=one.id, seconds=0)
    assert "the live tree was replaced on the host while the release was pending" in words(baked)
    assert host.ask("rollback", "r3")["rolled_back"]
    assert (host.body, host.link.endswith(two.id)) == ("two", True)
    # An edit that nginx has not read yet is only said.
    host.push(one, run="r4")
    host.sh("echo '# edit' >> /etc/nginx/nginx.conf")
    baked = host.ask("bake", "r4", release=one.id, seconds=0)
    assert baked["ok"], baked
    assert "/etc/nginx/nginx.conf was changed while the release was pending" in " ".join(baked["warnings"])


def test_a_purge_and_a_new_installation_are_one_command_away(new_machine: NewMachine, release: Any) -> None:
    host, one = new_machine(), release("one")
    host.push(one, confirm=True)
    # What `apt purge` and `apt install` do, without a network: the files of the link go, and a directory comes.
    host.sh("systemctl stop nginx; rm -rf /etc/nginx/* /etc/nginx")
    found = host.ask("preflight", "r2", release=one.id)
    assert "/etc/nginx no longer leads to the live release (it is gone, as after a purge" in words(found)
    conf = CONF.format(workers=2, main="", server="", status=200, body="packaged")
    host.sh(f"mkdir /etc/nginx; {write('nginx.conf', conf)}; systemctl start nginx")
    assert host.push(one, run="r3", drift="discard", confirm=True)["ok"]
    assert (host.body, host.link.endswith(one.id)) == ("one", True)


ODD = "mkfifo /etc/nginx/pipe; touch /etc/nginx/$(printf 'caf\\351.bak')"


def test_odd_files_are_named_and_are_drift_and_no_error(new_machine: NewMachine, release: Any) -> None:
    host, one, two = new_machine(), release("one"), release("two")
    host.sh(ODD)
    found = untouched(host, one)
    assert "/etc/nginx/pipe cannot be adopted on this host: 'pipe' is a 'pipe'" in words(found)
    assert "is not UTF-8" in words(found)
    probed = host.ask("probe", needs=[])
    assert (probed["problems"], probed["live"] is not None) == ([], True)
    assert "/etc/nginx/pipe is left out" in " ".join(probed["warnings"])
    host.sh("rm /etc/nginx/pipe /etc/nginx/caf*")
    host.push(one, confirm=True)
    host.sh(ODD)
    found = host.ask("preflight", "r2", release=two.id)
    assert "pipe (added: 'pipe' is a 'pipe')" in words(found)
    assert "/var/lib/sluice" not in words(found)
    assert len(host.ask("status")["drift"]) == 2
    assert host.ask("probe", needs=[], known=[one.id])["live"] == one.id
    assert host.push(two, run="r2", drift="discard", confirm=True)["ok"]
    assert host.body == "two"
    back = host.ask("activate", "r3", release={"id": one.id}, stored=True, receipt=one.receipt)
    assert (back["ok"], host.body, host.sh("ls /etc/nginx | grep -c pipe || true")) == (True, "one", "0"), back


# As ``ipv6.disable=1`` on the kernel's command line has it.
NO_IPV6 = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [
        {
            "names": ["socket"],
            "action": "SCMP_ACT_ERRNO",
            "errnoRet": 97,
            "args": [{"index": 0, "value": 10, "op": "SCMP_CMP_EQ"}],
        }
    ],
}


def test_a_host_without_ipv6_is_asked_before_anything_is_touched(
    new_machine: NewMachine,
    release: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    profile = tmp_path_factory.mktemp("seccomp") / "profile.json"
    profile.write_text(json.dumps(NO_IPV6))
    host, one = new_machine(seccomp=str(profile)), release("one", server="listen [::]:80;")
    need = {"kind": "address", "value": "::", "file": "nginx.conf", "line": 9}
    found = host.ask("preflight", release=one.id, needs=[need])
    assert "the release needs the address ::, for nginx.conf:9, and this host lacks it" in words(found)
    assert "this host has no IPv6" in words(found)
    answer = host.push(one)
    assert (answer["ok"], answer["rolled_back"], host.body) == (False, None, "by hand"), answer
    assert "Address family not supported by protocol" in words(answer)


def test_workers_stay_while_the_resolver_fails(new_machine: NewMachine, release: Any) -> None:
    host = new_machine()
    host.sh("echo '127.0.0.1 backend.internal' >> /etc/hosts")
    one = release("one", server="location /b { proxy_pass http://backend.internal:8080; }")
    host.push(one, confirm=True)
    host.push(release("two", server="location /b { proxy_pass http://backend.internal:8080; }"), run="r2")
    master = host.sh("cat /run/nginx.pid")
    host.sh("sed /backend/d /etc/hosts > /tmp/h; cat /tmp/h > /etc/hosts")
    answer = host.ask("rollback", "r2")
    assert (answer["ok"], answer["broken"]) == (False, True), answer
    assert f"release {one.id[:12]} names a host that does not resolve on this host now" in words(answer)
    assert (host.body, host.sh("cat /run/nginx.pid"), host.link.endswith(one.id)) == ("two", master, True)
    host.sh("echo '127.0.0.1 backend.internal' >> /etc/hosts")
    answer = host.ask("rollback", "r9", of="r2")
    assert (answer["ok"], answer["rolled_back"], host.body) == (True, True, "one"), answer


def test_a_directory_that_is_mounted_is_refused_before_anything_is_touched(
    new_machine: NewMachine, release: Any
) -> None:
    host = new_machine()
    host.sh("mkdir /srv/conf.d; mkdir -p /etc/nginx/conf.d; mount --bind /srv/conf.d /etc/nginx/conf.d")
    found = untouched(host, release("one"))
    assert "/etc/nginx/conf.d is a mount point" in words(found)
    host.sh("umount /etc/nginx/conf.d")
    assert host.push(release("one"), confirm=True)["ok"]


def test_nginx_in_a_container_of_the_host_is_called_that(new_machine: NewMachine, release: Any) -> None:
    host = new_machine()
    host.sh("systemctl stop nginx; unshare -pf nginx -g 'daemon off;' >/dev/null 2>&1 & sleep 1")
    found = untouched(host, release("one"))
    assert "nginx runs in a container on this host, and Sluice switches the host's own" in words(found)
    assert "ansible_connection: docker or podman" in words(found)


def test_a_container_that_is_nginx_is_refused_with_what_would_make_it_possible(
    run_container: RunContainer, platform_image: str, release: Any
) -> None:
    host = Host(run_container("--network", "none", "-v", "/etc/nginx", platform_image, "nginx", "-g", "daemon off;"))
    wait_for(lambda: host.sh("pgrep -f 'nginx: worker'", check=False) != "", "nginx")
    found = host.ask("preflight", release=release("one").id)
    assert "nothing on this host is known to start nginx (process 1) again" in words(found)
    assert "in a container, let that be the first process, which nginx is not" in words(found)
    assert "/etc/nginx is a mount point in this container" in words(found)
    assert "in its own file system and /var/lib/sluice on a volume" in words(found)
    assert not host.push(release("one"))["ok"]
    assert host.sh("ls -A /var/lib/sluice/releases") == ""
