"""The engine on a real host: a container with a real nginx, reached through ``docker exec`` instead of SSH."""

from __future__ import annotations

import os
import shlex
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import now
from tests.integration.hosts import Host, host, new_host, release, words
from tests.pushed import PushedRelease, pack

__all__ = ["host", "new_host", "release"]

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("namespaces", [True, False])
def test_the_first_push_adopts_and_can_be_rolled_back(new_host: Any, release: Any, namespaces: bool) -> None:
    host, one = (
        new_host(namespaces),
        release("one", contract=[{"get": "http://shop.example/", "expect": {"body": "one"}}]),
    )
    with host.probed() as seen:
        assert host.ask("preflight", release=one.id)["adopted"]
        answer = host.push(one)
        assert (answer["ok"], answer["changed"], host.body) == (True, True, "one"), answer
        assert answer["checks"][0]["ok"]
        assert 0 < answer["timings"]["reload_to_worker"] <= answer["timings"]["reload_to_proof"]
        assert host.link == f"/var/lib/sluice/releases/{one.id}"
        assert host.state["pending"]["phase"] == "serving"
        adopted = host.state["pending"]["before"]
        assert host.state["releases"][adopted]["origin"] == "adopted"
        back = host.ask("rollback")
        assert (back["rolled_back"], host.body, host.state["live"]) == (True, "by hand", adopted), back
    assert set(seen()) == {"200 by hand", "200 one"}


def test_a_directory_that_can_be_exchanged_is_replaced_in_one_step(host: Host, release: Any) -> None:
    host.sh("cp -a /etc/nginx /etc/copy && rm -r /etc/nginx && mv /etc/copy /etc/nginx && nginx -s reload")
    assert host.push(release("one"), confirm=True)["ok"]
    assert host.body == "one"
    assert host.sh("ls -A /etc | grep -c nginx.before-sluice || true") == "0"


@pytest.mark.parametrize("namespaces", [True, False])
def test_a_configuration_that_nginx_refuses_changes_nothing(new_host: Any, release: Any, namespaces: bool) -> None:
    host = new_host(namespaces)
    host.push(release("one"), confirm=True)
    link = host.link
    with host.probed() as seen:
        answer = host.push(release("two", main="frobnicate on;"), run="r2")
    assert not answer["ok"]
    assert 'unknown directive "frobnicate"' in answer["problems"][0]["nginx"]
    assert answer["rolled_back"] is (None if namespaces else True)
    assert (host.link, host.body, host.state["pending"]) == (link, "one", None)
    assert set(seen()) == {"200 one"}
    assert "HUP" not in host.sh("cat /var/log/nginx/error.log")


def test_includes_of_the_release_are_tested_and_not_those_that_are_live(host: Host, release: Any) -> None:
    host.push(release("one", files={"part.conf": "# good\n"}, main="include /etc/nginx/part.conf;"), confirm=True)
    answer = host.push(release("two", files={"part.conf": "bad here;\n"}, main="include /etc/nginx/part.conf;"), "r2")
    assert 'unknown directive "bad"' in answer["problems"][0]["nginx"]
    assert host.body == "one"


FAILING: dict[str, tuple[dict[str, Any], str, bool]] = {
    "a port that another process holds": (
        {"server": "listen 127.0.0.1:9145;"},
        "bind() to 127.0.0.1:9145 failed (98: ",
        True,
    ),
    "workers that die": ({"main": "worker_rlimit_nofile 8;"}, "epoll_create() failed (24: Too many open files)", False),
    "a check that fails": (
        {"contract": [{"get": "http://shop.example/", "expect": {"body": "three"}}]},
        "expected the body to contain 'three', got two",
        True,
    ),
    "a check of a page that is not there": (
        {"contract": [{"get": "http://shop.example/", "expect": {"status": 404}}]},
        "expected status 404, got 200",
        True,
    ),
}


@pytest.mark.parametrize("story", FAILING)
def test_what_fails_after_the_switch_is_rolled_back(host: Host, release: Any, story: str) -> None:
    change, said, always_served = FAILING[story]
    one = release("one", contract=[{"get": "http://shop.example/", "expect": {"body": "one"}}])
    host.push(one, confirm=True)
    hold = "import socket, time; s = socket.socket(); s.bind(('127.0.0.1', 9145)); s.listen(); time.sleep(600)"
    host.sh(f"python3 -c {shlex.quote(hold)} >/dev/null 2>&1 &")
    with host.probed() as seen:
        answer = host.push(release("two", **change), run="r2")
    assert (answer["ok"], answer["rolled_back"], answer["broken"]) == (False, True, False), answer
    assert said in answer["problems"][0]["what"] + answer["problems"][0].get("nginx", "")
    assert answer["timings"]["failed_to_worker"] <= answer["timings"]["failed_to_proof"]
    assert (host.body, host.state["live"], host.state["confirmed"]["release"]) == ("one", one.id, one.id)
    assert host.state["pending"] is None
    if always_served:
        assert set(seen()) <= {"200 one", "200 two"}


def test_a_second_activation_changes_nothing(host: Host, release: Any) -> None:
    one = release("one")
    host.push(one, confirm=True)
    journal = host.sh("wc -l < /var/lib/sluice/journal.jsonl")
    assert not host.ask("preflight", "r2", release=one.id)["changes_needed"]
    again = host.push(one, run="r2")
    assert (again["ok"], again["changed"]) == (True, False)
    assert host.ask("confirm", "r2", release=one.id)["changed"] is False
    assert host.sh("wc -l < /var/lib/sluice/journal.jsonl") == journal
    assert host.ask("rollback", "r2")["note"] == "nothing to roll back"


def _one_byte_changed(folder: Path) -> None:
    conf = folder / "nginx.conf"
    conf.write_text(conf.read_text().replace("256", "257"))


def _a_named_pipe(folder: Path) -> None:
    (folder / "nginx.conf").unlink()
    os.mkfifo(folder / "nginx.conf")


@pytest.mark.parametrize("harm", [_one_byte_changed, _a_named_pipe])
def test_a_bundle_that_is_not_the_release_is_refused(host: Host, release: Any, harm: Callable[[Path], None]) -> None:
    one = release("one")
    harm(one.folder)
    answer = host.ask("activate", bundle=pack(one.folder), release=one.form, receipt=one.receipt)
    assert not answer["ok"]
    assert "nginx.conf is " in words(answer)
    assert (host.body, host.link) == ("by hand", "")
    assert host.sh("ls -A /var/lib/sluice/releases | grep -c incoming || true") == "0"


def test_a_rollback_after_the_confirmation_restores_what_was_confirmed_before(host: Host, release: Any) -> None:
    one, two = release("one"), release("two")
    host.push(one, run="r1", confirm=True)
    host.push(two, run="r2", confirm=True)
    assert host.state["confirmed"]["before"] == one.id
    assert host.ask("show", "r3", release="previous")["release"] == one.id
    answer = host.ask("rollback", "r2")
    assert (answer["ok"], answer["rolled_back"], host.body) == (True, True, "one"), answer
    assert (host.state["confirmed"]["release"], host.state["confirmed"]["run"]) == (one.id, "r1")
    assert host.ask("rollback", "r2")["changed"] is False
    stored = host.ask("activate", "r3", release={"id": two.id}, stored=True)
    assert (stored["ok"], host.body) == (True, "two"), stored


def test_old_releases_are_pruned_and_never_one_that_is_needed(host: Host, release: Any) -> None:
    releases = [release(f"n{number}") for number in range(5)]
    for number, one in enumerate(releases):
        host.push(one, run=f"r{number}")
        assert host.ask("confirm", f"r{number}", release=one.id, keep=1)["ok"]
    there = set(host.sh("ls /var/lib/sluice/releases").split())
    adopted = {name for name, record in host.state["releases"].items() if record["origin"] == "adopted"}
    assert there == {releases[4].id, releases[3].id, releases[2].id} | adopted
    assert set(host.sh("ls /var/lib/sluice/bundles").split()) == {f"{name}.tar.gz" for name in there}


@pytest.mark.parametrize("wish", ["refuse", "adopt", "discard"])
def test_drift(host: Host, release: Any, wish: str) -> None:
    one, two = release("one"), release("two")
    host.push(one, confirm=True)
    host.sh("echo '# by an admin' >> /etc/nginx/nginx.conf; touch /etc/nginx/extra; rm /etc/nginx/mime.types")
    found = host.ask("preflight", "r2", release=two.id)
    for path in ("nginx.conf (changed)", "extra (added)", "mime.types (removed)"):
        assert path in words(found)
    answer = host.push(two, run="r2", drift=wish)
    if wish == "refuse":
        assert "drift" in words(answer)
        assert host.body == "one"
        return
    assert answer["ok"], answer
    assert f"{wish} drift" in [event["event"] for event in host.ask("status")["journal"]]
    host.ask("rollback", "r2")
    kept = host.sh("cat /etc/nginx/nginx.conf; ls /etc/nginx")
    assert ("# by an admin" in kept, "extra" in kept) == ((True, True) if wish == "adopt" else (False, False))
    assert host.ask("preflight", "r3", release=two.id)["ok"]
    assert host.push(one, run="r3", confirm=True)["ok"]
    assert host.sh("grep -c admin /etc/nginx/nginx.conf || true") == "0"


def test_a_package_that_replaced_the_link_is_drift(host: Host, release: Any) -> None:
    one = release("one")
    host.push(one, confirm=True)
    host.sh("cp -aL /etc/nginx /etc/copy && rm /etc/nginx && mv /etc/copy /etc/nginx")
    assert "no longer leads to the live release" in words(host.ask("preflight", "r2", release=one.id))
    assert host.push(one, run="r2", drift="discard")["ok"]
    assert host.link.endswith(one.id)


def test_two_at_once(host: Host, release: Any) -> None:
    one, two = release("one"), release("two")
    answers: dict[str, Any] = {}
    threads = [
        threading.Thread(target=lambda run=run, it=it: answers.update({run: host.push(it, run=run)}))
        for run, it in (("r1", one), ("r2", two))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won, lost = ("r1", "r2") if answers["r1"]["ok"] else ("r2", "r1")
    assert answers[won]["ok"], answers
    assert f"of run {won}" in words(answers[lost])
    assert "ann from desk" in words(answers[lost])
    assert host.state["pending"]["run"] == won
    assert "is not" not in words(host.ask("preflight", won, release=one.id))
    assert host.ask("confirm", lost, release=one.id)["ok"] is False
    assert host.ask("rollback", lost)["changed"] is False
    assert host.ask("rollback", "r9", of=won)["rolled_back"] is True


def test_what_is_kept_outlives_releases(host: Host, release: Any) -> None:
    host.sh("cd /etc/nginx; mkdir auth; echo u:x > auth/users; chown root:www-data auth/users; chmod 640 auth/users")
    one = release("one", links={"users": "/var/lib/sluice/shared/users"})
    missing = host.push(one)
    assert "users is to be kept, and is not on this host" in words(missing)
    host.sh("cp -a /etc/nginx/auth/users /etc/nginx/users")
    assert host.push(one, confirm=True)["ok"]
    assert host.sh("stat -Lc '%a %U:%G' /etc/nginx/users") == "640 root:www-data"
    assert host.sh("cat /etc/nginx/users") == "u:x"


def test_preflight_says_everything_that_is_in_the_way(host: Host, release: Any) -> None:
    one = release("one")
    wanted = {"nginx_version": "9.9.9", "modules": ["ngx_x_module.so"], "os": "plan 9"}
    answer = host.ask("preflight", release=one.id, platform=wanted, needs_bytes=1 << 50, want_tree=True)
    for said in ("another nginx than staging", "ngx_x_module.so", "another platform", "too little space"):
        assert said in words(answer)
    assert "by hand" in answer["tree"]["nginx.conf"]
    assert answer["nginx"]["workers"] == 2
    host.sh("nginx -s stop; sleep 0.3")
    assert "does not run" in words(host.ask("preflight", release=one.id))
    host.sh("nginx -g 'worker_priority 0;'")
    facts = {"main_directives": ["worker_priority"]}
    assert "started with -g and worker_priority" in words(host.ask("preflight", release=one.id, facts=facts))
    host.sh("nginx -s stop; sleep 0.3; cp /etc/nginx/nginx.conf /tmp/n.conf; nginx -c /tmp/n.conf")
    assert "reads another configuration" in words(host.ask("preflight", release=one.id))
    assert "reads another configuration" in words(host.push(one))
    host.sh("nginx -s stop -c /tmp/n.conf; mv /usr/sbin/nginx /usr/sbin/away")
    assert "not installed" in words(host.ask("preflight", release=one.id))
    assert host.ask("status")["nginx"] == {"running": False}


def test_somebody_who_is_not_root_is_told(host: Host) -> None:
    assert "become: true" in words(host.ask("status", user="www-data"))


def test_what_only_reads_works_where_nothing_can_be_written(host: Host, release: Any) -> None:
    host.sh("mkdir -p /var/lib/sluice && mount -t tmpfs -o ro none /var/lib/sluice")
    assert host.ask("status")["ok"]
    assert host.ask("preflight", release="a" * 64)["adopted"]
    assert "Read-only file system" in words(host.push(release("one")))
    assert (host.body, host.link) == ("by hand", "")
    assert host.sh("ls -A /tmp") == ""


def test_a_master_that_died_is_started_on_the_rollback(host: Host, release: Any) -> None:
    host.push(release("one"), confirm=True)
    host.push(release("two"), run="r2")
    host.kill_nginx()
    answer = host.ask("rollback", "r2")
    assert answer["rolled_back"] is True, answer
    assert host.body == "one"


def test_a_rollback_that_fails_is_said(host: Host, release: Any) -> None:
    host.push(release("one"), confirm=True)
    host.push(release("two"), run="r2")
    host.kill_nginx()
    host.sh("mv /usr/sbin/nginx /usr/sbin/away")
    answer = host.ask("rollback", "r2")
    assert (answer["ok"], answer["rolled_back"], answer["broken"]) == (False, False, True)
    assert host.state["pending"]["phase"] == "rolling_back"
    host.sh("mv /usr/sbin/away /usr/sbin/nginx")
    assert host.ask("rollback", "r2")["rolled_back"] is True
    assert host.body == "one"


def test_a_master_that_stands_still_is_restarted_when_two_reloads_did_nothing(host: Host, release: Any) -> None:
    host.push(release("one"), confirm=True)
    host.push(release("two"), run="r2")
    host.sh("kill -STOP $(cat /run/nginx.pid)")
    answer = host.ask("rollback", "r2")
    assert (answer["ok"], answer["rolled_back"], answer["means"], host.body) == (True, True, "restart", "one"), answer
    for said in (
        "during the rollback: reload: the reload did not take",
        "during the rollback: reload again: the reload did",
    ):
        assert said in " ".join(answer["warnings"])


def test_what_changed_outside_of_releases_is_said_on_the_rollback(host: Host, release: Any) -> None:
    host.sh("echo ann:x > /srv/users")
    host.push(release("one"), confirm=True)
    host.push(release("two"), run="r2")
    assert host.ask("rollback", "r2")["warnings"] == []
    host.push(release("two"), run="r3")
    host.sh("echo bob:y > /srv/users")
    (said,) = host.ask("rollback", "r3")["warnings"]
    assert said.startswith("/srv/users, which release ")
    assert "has changed since it was confirmed; files outside of releases are not rolled back" in said


def test_a_check_that_fails_on_the_rollback_is_said_and_the_host_is_not_broken(host: Host, release: Any) -> None:
    page = {"get": "http://shop.example/page", "expect": {"body": "here"}}
    host.sh("mkdir -p /srv/www && echo here > /srv/www/page")
    host.push(release("one", server="location = /page { root /srv/www; }", contract=[page]), confirm=True)
    host.push(release("two"), run="r2")
    host.sh("rm /srv/www/page")
    answer = host.ask("rollback", "r2")
    assert (answer["ok"], answer["rolled_back"], answer["broken"], host.body) == (False, True, False, "one"), answer
    assert "the check 'GET http://shop.example/page' does not hold on this host" in words(answer)
    assert host.state["pending"] is None


# Answers as a healthy application does, and from the moment on at which /tmp/odd is there, as no reader expects.
UPSTREAM = """
import os, socket
listener = socket.create_server(("127.0.0.1", 9000))
while True:
    connection, _ = listener.accept()
    connection.recv(65536)
    kind = open("/tmp/odd").read().strip() if os.path.exists("/tmp/odd") else "text/html"
    body = b"<h1>Order " * 20000 if kind == "slow" else b"hello"
    head = f"HTTP/1.1 200 OK\\r\\nContent-Type: {kind}\\r\\nContent-Length: {len(body)}\\r\\n\\r\\n"
    connection.sendall(head.encode() + body)
    connection.close()
"""
ODD = {
    "text/html; charset=idna": "",
    "text/html; charset=undefined": "",
    "slow": "the pattern /hello|<h1>.*Order.*</h1>/ took longer than 2 s",
}


@pytest.mark.parametrize("odd", ODD)
def test_an_upstream_that_nobody_can_judge_has_no_say_in_how_nginx_serves(host: Host, release: Any, odd: str) -> None:
    host.sh(f"python3 -c {shlex.quote(UPSTREAM)} >/dev/null 2>&1 &")
    page = {"get": "http://shop.example/app", "expect": {"body": "/hello|<h1>.*Order.*</h1>/"}}
    app = "location = /app { proxy_pass http://127.0.0.1:9000; }"
    host.push(release("zero", server=app, contract=[page]), confirm=True)
    one = release("one", server=app, contract=[page])
    host.push(one, run="r2", confirm=True)
    master = host.sh("cat /run/nginx.pid")
    host.sh(f"echo {shlex.quote(odd)} > /tmp/odd")
    new = {"get": "http://shop.example/", "expect": {"body": "not what two says"}}
    with host.probed() as seen:
        answer = host.push(release("two", server=app, contract=[page, new]), run="r3")
    assert (answer["ok"], answer["rolled_back"], answer["broken"], answer["means"]) == (False, True, False, "reload")
    assert (host.body, host.state["live"], host.state["pending"]) == ("one", one.id, None)
    assert host.sh("cat /run/nginx.pid") == master
    assert set(seen()) <= {"200 one", "200 two"}
    assert "the check 'GET http://shop.example/' does not hold on this host" in words(answer)
    assert ODD[odd] in words(answer)


def test_bake(host: Host, release: Any) -> None:
    one = release("one", contract=[{"get": "http://shop.example/", "expect": {"body": "one"}}])
    host.push(one)
    quiet = host.ask("bake", release=one.id, seconds=0.1)
    assert quiet["ok"], quiet
    assert "too little traffic to judge: 0 requests" in quiet["warnings"]
    assert quiet["checks"][0]["ok"]
    host.ask("confirm", release=one.id)
    bad = release("two", status=500)
    host.push(bad, run="r2")
    host.sh('for i in 1 2 3 4 5 6; do python3 -IS -c "$ASK" 2>/dev/null; done; true')
    assert "answers with 5xx rose" in words(host.ask("bake", "r2", release=bad.id, seconds=0))
    line = "2026/01/01 00:00:00 [alert] $(cat /run/nginx.pid)#1: open() failed"
    host.sh(f'echo "{line}" >> /var/log/nginx/error.log')
    assert "open() failed" in words(host.ask("bake", "r2", release=bad.id, seconds=0))
    host.sh("nginx -s reload; sleep 0.4")
    assert "no longer those of the switch" in words(host.ask("bake", "r2", release=bad.id, seconds=0))
    assert host.ask("rollback", "r2")["rolled_back"]
    assert host.ask("bake", "r1", release=one.id, seconds=60)["note"].startswith("the release is confirmed already")


# As many write them: JSON with a time of ISO 8601, JSON with seconds, and the combined one with how long it took.
FORMATS = {
    "iso": """escape=json '{"t":"$time_iso8601","request":"$request","status":$status,"request_time":$request_time}'""",
    "msec": """escape=json '{"msec":"$msec","request":"$request","status":"$status","request_time":"$request_time"}'""",
    "plus": """'$remote_addr [$time_local] "$request" $status "$http_user_agent" rt=$request_time'""",
}


@pytest.mark.parametrize("name", ["combined", *FORMATS])
def test_requests_are_counted_as_nginx_logs_them(host: Host, release: Any, name: str) -> None:
    formats = f"log_format {name} {FORMATS[name]};" if name in FORMATS else ""
    log = f"access_log /var/log/nginx/access.log {name};"
    server = f"server_name other; }} {formats} server {{ listen 80 default_server; {log}"
    bad = release("one", server=server, status=500)
    begun = now()
    host.push(bad, run="r2")
    host.sh('for i in 1 2 3; do python3 -IS -c "$ASK" 2>/dev/null; done; true')
    found = host.ask("bake", "r2", release=bad.id, seconds=0)["traffic"]
    back = host.ask("rollback", "r2")["traffic"]
    asked = host.ask("traffic", "r3", start=begun, end=now())
    for each in (found, back, asked["traffic"]):
        assert (sum(each["requests"]), sum(each["errors"]), each["unread"]) == (3, 3, 0), each
        assert each["failing"] == [{"request": "GET /", "count": 3}]
        assert any(ms is not None for ms in each["ms"]) is (name != "combined")
    assert "rolled_back" in [event["event"] for event in asked["journal"]]


def test_status_and_show(host: Host, release: Any) -> None:
    one = release("one", contract=[{"get": "http://shop.example/"}])
    assert host.ask("status")["live"] is None
    host.push(one, confirm=True)
    answer = host.ask("status")
    assert (answer["live"], answer["drift"], answer["pending"]) == (one.id, [], None)
    assert answer["nginx"]["running"]
    assert answer["journal"][-1]["event"] == "confirm"
    assert host.ask("show", release=one.id[:8])["stored"]["contract"][0]["source"] == "nginx_checks[0]"
    assert one.id[:12] in words(host.ask("show", release="zzz"))


# Makes and installs a version of a package with a configuration file of nginx's, and a module beside it.
PACKAGE = """
set -e
rm -rf /tmp/p; mkdir -p /tmp/p/DEBIAN /tmp/p/etc/nginx/conf.d
mkdir -p /tmp/p/usr/share/nginx/modules-available
cat > /tmp/p/DEBIAN/control <<END
Package: nginx-extras-test
Version: {version}
Architecture: all
Maintainer: a <a@b.example>
Description: x
END
printf '/etc/nginx/conf.d/extra.conf\\n/etc/nginx/conf.d/mine.conf\\n' > /tmp/p/DEBIAN/conffiles
echo '# version {version}' > /tmp/p/etc/nginx/conf.d/extra.conf
echo '# version {version}' > /tmp/p/etc/nginx/conf.d/mine.conf
echo '# a module' > /tmp/p/usr/share/nginx/modules-available/mod-test.conf
(cd /tmp/p && md5sum usr/share/nginx/modules-available/mod-test.conf > DEBIAN/md5sums)
dpkg-deb -b /tmp/p /tmp/p.deb >/dev/null
DEBIAN_FRONTEND=noninteractive dpkg --force-confdef --force-confold -i /tmp/p.deb >/dev/null 2>&1
"""


def test_an_upgrade_of_a_package_stops_nothing(host: Host, release: Any) -> None:
    """dpkg itself writes through the link: a new version, one beside a file that was edited, a link to a module."""
    host.sh(PACKAGE.format(version=1))
    assert host.push(
        release("one", files=dict.fromkeys(("conf.d/extra.conf", "conf.d/mine.conf"), "# version 1\n")), confirm=True
    )["ok"]
    module = "/usr/share/nginx/modules-available/mod-test.conf"
    host.sh(f"mkdir -p /etc/nginx/modules-enabled; ln -s {module} /etc/nginx/modules-enabled/50-mod-test.conf")
    host.sh(PACKAGE.format(version=2))
    seen = host.ask("status")
    by_dpkg = ("conf.d/extra.conf", "conf.d/mine.conf", "modules-enabled/50-mod-test.conf")
    # The folder is another package's, which the release lacks.
    whose = {"modules-enabled": "nginx-common", **dict.fromkeys(by_dpkg, "nginx-extras-test")}
    assert (seen["drift"], seen["package_drift"]) == ([], whose)
    host.sh("echo '# mine' >> /etc/nginx/conf.d/mine.conf")
    host.sh(PACKAGE.format(version=3))
    seen = host.ask("status")
    assert (seen["drift"], seen["package_drift"]["conf.d/mine.conf.dpkg-dist"]) == (
        ["conf.d/mine.conf"],
        "nginx-extras-test",
    )
    two = release("two")
    (problem,) = host.ask("preflight", "r2", release=two.id, drift="adopt-package")["problems"]
    assert problem["actual"].startswith("conf.d/mine.conf (changed), conf.d/extra.conf (by nginx-extras-test)")
    host.sh("mv /etc/nginx/conf.d/mine.conf.dpkg-dist /etc/nginx/conf.d/mine.conf")
    assert host.ask("preflight", "r2", release=two.id, drift="adopt-package")["ok"]
    answer = host.push(two, run="r2", confirm=True, drift="adopt-package")
    assert (host.body, answer["changed"]) == ("two", True)
    adopted = f"/var/lib/sluice/releases/{answer['before']}"
    assert host.sh(f"cat {adopted}/conf.d/extra.conf") == "# version 3"


def test_a_renewal_while_a_release_is_pending_is_no_surprise(host: Host, release: Any) -> None:
    """A client replaces the files and reloads nginx, as certbot's deploy hook does."""
    make = (
        "mkdir -p /etc/letsencrypt/live/shop.example && cd /etc/letsencrypt/live/shop.example && openssl req -x509"
        " -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN={} -keyout privkey.pem -out"
        " fullchain.pem 2>/dev/null"
    )
    shown = "openssl s_client -connect 127.0.0.1:443 </dev/null 2>/dev/null | openssl x509 -noout -subject"
    live = "/etc/letsencrypt/live/shop.example"
    tls = f"listen 443 ssl; ssl_certificate {live}/fullchain.pem; ssl_certificate_key {live}/privkey.pem;"
    host.sh(make.format("before"))
    one = release("one", server=tls, contract=[{"get": "http://shop.example/", "expect": {"body": "one"}}])
    assert host.push(one)["ok"]
    host.sh(make.format("renewed") + " && nginx -s reload; sleep 0.4")
    baked = host.ask("bake", release=one.id, seconds=0.2)
    assert baked["ok"], baked
    assert any("as after the renewal of a certificate" in warning for warning in baked["warnings"])
    host.sh(make.format("again") + " && nginx -s reload; sleep 0.4")
    assert host.ask("confirm", release=one.id)["ok"]
    assert host.sh(shown).endswith("CN = again")
    host.sh(make.format("later") + " && nginx -s reload; sleep 0.4")
    seen = host.ask("status")
    assert (seen["drift"], seen["package_drift"], seen["confirmed"]["release"]) == ([], {}, one.id)
    assert host.push(release("two", server=tls), run="r2", confirm=True)["ok"]
    assert (host.body, host.sh(shown)[-5:]) == ("two", "later")


def test_a_shared_file_that_sed_replaced_is_taken_over(host: Host, release: Any) -> None:
    host.sh("echo 'ada:{PLAIN}x' > /etc/nginx/htpasswd")
    links = {"htpasswd": "/var/lib/sluice/shared/htpasswd"}
    assert host.push(release("one", links=links), confirm=True)["ok"]
    host.sh("sed -i '$ a grace:{PLAIN}y' /etc/nginx/htpasswd; test ! -L /etc/nginx/htpasswd")
    two = release("two", links=links)
    looked = host.ask("preflight", "r2", release=two.id, drift="adopt-package")
    assert looked["ok"], looked
    assert "htpasswd is a shared path and was replaced on this host" in looked["warnings"][0]
    assert host.push(two, run="r2", confirm=True)["ok"]
    assert host.sh("readlink /etc/nginx/htpasswd") == "/var/lib/sluice/shared/htpasswd"
    assert host.sh("cat /etc/nginx/htpasswd") == "ada:{PLAIN}x\ngrace:{PLAIN}y"


def _residents(host: Host) -> list[str]:
    """The sockets of resident engines."""
    return host.sh("ls /run/sluice/*.socket 2>/dev/null || true").split()


def test_an_engine_stays_for_what_follows_a_preflight(host: Host, release: Callable[..., PushedRelease]) -> None:
    one = release(body="one", status=200)
    # As in check mode.
    assert host.ask("preflight", release=one.id)["changes_needed"]
    assert _residents(host) == []
    assert host.ask("preflight", release=one.id, recover=True)["changes_needed"]
    (path,) = _wait_for(lambda: _residents(host))
    assert host.sh(f"stat -c %a {path.rpartition('/')[0]}") == "700"
    host.push(one, confirm=True)
    assert host.body == "one"
    # The run is over, and nothing is left of it.
    _wait_for(lambda: not _residents(host))
    assert not host.ask("preflight", release=one.id, recover=True)["changes_needed"]
    assert _residents(host) == []


def test_a_resident_engine_that_was_killed_is_not_missed(host: Host, release: Callable[..., PushedRelease]) -> None:
    one = release(body="one", status=200)
    host.ask("preflight", release=one.id, recover=True)
    _wait_for(lambda: _residents(host))
    host.sh("for each in /proc/[0-9]*; do grep -qs '[p]ython3.-IS' $each/cmdline && kill -9 ${each#/proc/}; done; true")
    host.push(one, confirm=True)
    assert host.body == "one"


def _wait_for(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 20
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found()
