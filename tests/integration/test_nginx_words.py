"""A host with a visitor who forges nginx's log, and with local users who call their processes nginx."""

from __future__ import annotations

import contextlib
import json
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.monitor.packing import pack_program
from tests.containers import RunContainer
from tests.integration.hosts import ASK, Host, new_host, release, words
from tests.pushed import PushedRelease

__all__ = ["new_host", "release"]

pytestmark = pytest.mark.integration

# Asks fifty times a second for what makes nginx log a line of the visitor's: one that the master would write, with its
# own pid and with many others, alone, behind the end of a record, cut, and crit ones that are honest.
VISITOR = """
import http.client, itertools, os, sys, time
from urllib.parse import quote
stamp = lambda: time.strftime("%Y/%m/%d %H:%M:%S")
pids = itertools.cycle(range(1, 2000))
master = open("/run/nginx.pid").read().strip()
def line(pid, level="emerg"):
    return f"{stamp()} [{level}] {pid}#{pid}: bind() to 0.0.0.0:80 failed (98: Address already in use)"
suffix = '" failed (2: No such file or directory), client: 192.0.2.9, server: , request: "GET / HTTP/1.1", host: "a"'
def forged():
    yield "/x\\n" + line(master) + "\\n/y"
    yield "\\n".join(["/x" + suffix, line(master), line(master, "alert"), stamp() + " [error] 7#7: *5 open() \\""])
    yield "/x\\n" + "\\n".join(line(next(pids)) for _ in range(15)) + "\\n/y"
    yield "/x\\r\\n" + line(master) + "\\r\\n"
    yield "/closed/x\\nworker process \u00b25 exited"
    for length in (1650, 1700, 1750):
        yield "/" + "a" * length + "\\n" + line(master)
seconds, enough, count = float(sys.argv[1]), sys.argv[2], 0
until = time.time() + seconds
for path in itertools.chain.from_iterable(forged() for _ in itertools.count()):
    if time.time() > until or os.path.exists(enough):
        break
    connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=3)
    try:
        connection.putrequest("GET", quote(path))
        connection.endheaders()
        connection.getresponse().read()
        count += 1
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()
    time.sleep(0.02)
print(count)
"""
SITE = """location /pages/ { root /srv/w; }
        location ~ ^/(x|y|a) { root /srv/w; }
        location /closed/ { root /srv/w; try_files $uri $uri/ =404; }"""

# Says that it is nginx, and that it has a long time.
PRETENDER = """
import os, sys
os.execv("/tmp/evil/nginx", [sys.argv[1], "-c", "import time; time.sleep(600)"])
"""
# Notes whoever opens a file, as one who executes it does.
WATCHER = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
watch = libc.inotify_init()
assert libc.inotify_add_watch(watch, sys.argv[1].encode(), 0x20) >= 0
open("/tmp/evil/watched", "w").close()
os.read(watch, 1000)
open("/tmp/evil/opened", "w").close()
"""


@contextlib.contextmanager
def visited(host: Host) -> Iterator[None]:
    """Let the visitor ask all the while, and before; for two minutes at most."""
    argv = ["docker", "exec", "-u", "nobody", host.container, "python3", "-c", VISITOR, "120", "/tmp/enough"]
    host.sh("rm -f /tmp/enough")
    began = time.monotonic()
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as visitor:
        try:
            host.sh("sleep 1.5")
            yield
            assert visitor.poll() is None, "the visitor was gone before the end"
        finally:
            host.sh("touch /tmp/enough")
            asked, _ = visitor.communicate()
    assert int(asked) > 5 * (time.monotonic() - began)


@pytest.fixture
def shop(new_host: Callable[..., Host], release: Callable[..., PushedRelease]) -> Host:
    """A host whose pages are files, so that their paths come into the error log."""
    host = new_host()
    host.sh("mkdir -p /srv/w/pages /srv/w/closed; echo hello > /srv/w/pages/index.html; chmod 700 /srv/w/closed")
    assert host.push(release("first", server=SITE), run="r0", confirm=True)["ok"]
    return host


def own(host: Host, release: Callable[..., PushedRelease], body: str, **more: Any) -> PushedRelease:
    """Make a release with a check."""
    return release(body, contract=[{"get": "http://shop.example/", "expect": {"body": body}}], **more)


def test_a_visitor_who_forges_lines_vetoes_neither_a_switch_nor_its_bake(
    shop: Host, release: Callable[..., PushedRelease]
) -> None:
    with visited(shop):
        for number in (1, 2):
            good = own(shop, release, f"good{number}", server=SITE)
            answer = shop.push(good, run=f"r{number}", seconds=2.0)
            assert (answer["ok"], answer["bake"]["problems"]) == (True, []), answer
            assert shop.ask("bake", f"r{number}", release=good.id, seconds=1)["ok"]
            assert shop.ask("confirm", f"r{number}", release=good.id)["ok"]
    log = shop.sh("cat /var/log/nginx/error.log")
    assert log.count("[emerg]") > 100
    assert "worker process ²5 exited" in log
    assert shop.body == "good2"


def test_one_request_after_the_switch_vetoes_nothing(shop: Host, release: Callable[..., PushedRelease]) -> None:
    good = own(shop, release, "good", server=SITE)
    assert shop.push(good, run="r1")["ok"]
    shop.sh(f"timeout 10 python3 -c {shlex.quote(VISITOR)} 0.5 /tmp/enough")
    answer = shop.ask("bake", "r1", release=good.id, seconds=0)
    assert answer["ok"], answer
    assert "visitors or other programs may have written them" in " ".join(answer["warnings"])


@pytest.mark.parametrize("fault", ["a port that is held", "workers that die", "a zone that changed"])
def test_a_true_failure_is_seen_beside_such_a_visitor(
    shop: Host, release: Callable[..., PushedRelease], fault: str
) -> None:
    hold = "import socket, time; s = socket.socket(); s.bind(('127.0.0.1', 9145)); s.listen(); time.sleep(600)"
    shop.sh(f"python3 -c {shlex.quote(hold)} >/dev/null 2>&1 &")
    zone = "server_name other; }} limit_req_zone ${} zone=one:1m rate=1r/s; server {{ listen 80 default_server; "
    first = own(shop, release, "good", server=zone.format("binary_remote_addr") + SITE)
    assert shop.push(first, run="r1", confirm=True)["ok"]
    change = {
        "a port that is held": {"server": f"listen 127.0.0.1:9145; {zone.format('binary_remote_addr')}{SITE}"},
        "workers that die": {"server": zone.format("binary_remote_addr") + SITE, "main": "worker_rlimit_nofile 8;"},
        "a zone that changed": {"server": zone.format("server_name") + SITE},
    }[fault]
    said = {
        "a port that is held": "bind() to 127.0.0.1:9145 failed (98: ",
        "workers that die": "worker",
        "a zone that changed": 'limit_req "one" uses the "$server_name" key',
    }[fault]
    with visited(shop):
        answer = shop.push(own(shop, release, "bad", **change), run="r2")
        assert (answer["ok"], answer["rolled_back"], answer["broken"]) == (False, True, False), answer
        (problem, *_) = answer["problems"]
        # Where the log is written faster than a busy machine reads it, no line is proven, and that is said.
        beyond_proof = "visitors or other programs may have written" in problem.get("actual", "")
        assert beyond_proof or said in problem["what"] + problem.get("nginx", ""), answer
        assert shop.body == "good"


def test_the_monitor_tells_true_lines_from_forged_ones(shop: Host) -> None:
    subprocess.run(
        ["docker", "exec", "-i", shop.container, "sh", "-c", "cat > /tmp/metrics.pyz"], input=pack_program(), check=True
    )
    shop.sh("python3 -IS /tmp/metrics.pyz /tmp/sluice.prom 1 >/dev/null 2>&1 & sleep 2")

    def counted(name: str) -> int:
        text = shop.sh(f"sleep 2.5; grep '^sluice_nginx_{name}_lines_total' /tmp/sluice.prom")
        return sum(int(line.split()[-1]) for line in text.splitlines() if "emerg" in line)

    with visited(shop):
        assert (counted("severe"), counted("unproven") > 0) == (0, True)
    # While errors come oftener than the log is looked at, a true line may be beyond proof. Now nobody asks.
    before = counted("severe")
    shop.sh(
        "echo 'oops;' >> /etc/nginx/nginx.conf; for i in 1 2 3; do kill -HUP $(cat /run/nginx.pid); sleep 0.5; done"
    )
    assert 1 <= counted("severe") - before <= 3


@pytest.fixture
def shared(run_container: RunContainer, platform_image: str, new_host: Callable[..., Host]) -> Host:
    """A host on which root may look at all processes, as it may on a machine; and others have something there."""
    rights = ["--cap-add", "SYS_PTRACE", "--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined"]
    options = ["--init", "--network", "none", *rights, "-e", f"ASK={ASK}"]
    host = Host(run_container(*options, platform_image, "sleep", "infinity"))
    host.sh("mkdir /tmp/evil; cp /usr/bin/python3 /tmp/evil/nginx; chown -R nobody /tmp/evil")
    return host


def pretend(host: Host, title: str, user: str = "nobody") -> str:
    """Start a process that calls itself something; returns its pid."""
    argv = ["docker", "exec", "-d", "-u", user, host.container, "python3", "-c", PRETENDER, title]
    subprocess.run(argv, check=True)
    return host.sh(f"for i in 1 2 3 4 5 6 7 8 9; do pgrep -nf '^{title}' && break; sleep 0.2; done")


def test_a_process_that_calls_itself_nginx_is_never_run_nor_asked(
    shared: Host, release: Callable[..., PushedRelease]
) -> None:
    one = release("one")
    shared.sh("nginx")
    assert shared.push(one, run="r1")["ok"]
    master = pretend(shared, "nginx: master process /usr/sbin/nginx")
    worker = pretend(shared, "nginx: worker process")
    watcher = ["docker", "exec", "-d", "-u", "nobody", shared.container, "python3", "-c", WATCHER, "/tmp/evil/nginx"]
    subprocess.run(watcher, check=True)
    shared.sh("until [ -e /tmp/evil/watched ]; do sleep 0.1; done; rm /run/nginx.pid")
    # Beside the true one it changes nothing, though no pid file says which is which.
    answer = shared.ask("status")
    assert (answer["nginx"]["running"], answer["nginx"]["version"]) == (True, shared.sh("nginx -v 2>&1")[21:])
    assert f"process {master} calls itself nginx's master and is left out: user 65534 runs it" in answer["warnings"][0]
    shared.sh("pkill -9 -u root,www-data -x nginx; sleep 0.3")
    for operation in ("status", "preflight", "probe"):
        answer = shared.ask(operation, release=one.id)
        assert "left out: user 65534 runs it" in json.dumps(answer)
        assert not answer.get("nginx", {}).get("running")
    assert "does not run" in words(shared.ask("preflight", release=one.id))
    # nginx is down, whatever the other one says: the rollback starts it, and signals nobody else.
    answer = shared.ask("rollback", "r1")
    assert (answer["ok"], answer["rolled_back"]) == (True, True), answer
    assert "nginx had died and was started" in " ".join(answer["warnings"])
    assert shared.sh(f"ps -o user= -p {master},{worker} | sort -u") == "nobody"
    assert shared.sh("ls /tmp/evil") == "nginx\nwatched"


def test_an_nginx_that_an_upgrade_replaced_is_still_tested_with_what_runs(
    shared: Host, release: Callable[..., PushedRelease]
) -> None:
    shared.sh("nginx; cp /usr/sbin/nginx /usr/sbin/nginx.true; rm /usr/sbin/nginx")
    shared.sh("printf '#!/bin/sh\\ntouch /tmp/wrong\\nexit 1\\n' > /usr/sbin/nginx; chmod 755 /usr/sbin/nginx")
    one = own(shared, release, "one")
    answer = shared.push(one, run="r1", confirm=True)
    assert answer["ok"], answer
    assert shared.body == "one"
    assert shared.sh("ls /tmp | grep -c wrong || true") == "0"


def test_what_the_web_servers_user_puts_into_its_log_folder_is_neither_read_nor_waited_for(
    shared: Host, release: Callable[..., PushedRelease]
) -> None:
    one = own(shared, release, "one")
    shared.sh("nginx; chown www-data /var/log/nginx")
    assert shared.push(one, run="r1")["ok"]
    secret = "2026/11/28 21:00:00 [emerg] $(cat /run/nginx.pid)#1: root:SECRET"
    shared.sh(f'echo "{secret}" > /etc/secret; chmod 600 /etc/secret')
    planted = "cd /var/log/nginx; rm error.log access.log; ln -s /etc/secret error.log; mkfifo access.log"
    subprocess.run(["docker", "exec", "-u", "www-data", shared.container, "sh", "-c", planted], check=True)
    answers = [
        shared.ask("bake", "r1", release=one.id, seconds=0.3),
        shared.ask("traffic", "r1", start="2026-01-01T00:00:00Z", end="2027-01-01T00:00:00Z"),
    ]
    shared.sh("pkill -9 -x nginx; sleep 0.3")
    answers += [shared.ask("status"), shared.ask("preflight", release=one.id)]
    assert "SECRET" not in json.dumps(answers)
