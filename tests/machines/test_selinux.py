"""Hosts with SELinux that enforces: nginx is confined as ``httpd_t``, and nothing of Sluice's is denied to it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.life import reboot_rolls_back, watchdog_rolls_back
from tests.machines.host import WATCHDOG_SECONDS, Host, Release, words

pytestmark = pytest.mark.integration

Hosts = Callable[..., Host]
Releases = Callable[..., Release]


def test_a_deployment_and_a_rollback_meet_no_denial(new_host: Hosts, release: Releases) -> None:
    host = new_host()
    # A pid file of root's own making, as `nginx -t` makes it, is one that the confined nginx may not write.
    host.sh("echo secret >/etc/nginx/shop.key && chmod 600 /etc/nginx/shop.key && restorecon /etc/nginx/shop.key")
    one = release("one", kept=("shop.key",), files={"ssl/shop.pem": "certificate\n"})
    host.push(one, confirm=True)
    assert host.body == "one"
    tree = f"/var/lib/sluice/releases/{one.id}"
    for path in ("/etc/nginx", tree, f"{tree}/nginx.conf", f"{tree}/ssl/shop.pem", f"{tree}/shop.key"):
        assert host.label(path) == "httpd_config_t", path
    for path in ("shared/shop.key", "state.json", "journal.jsonl", "engine", "bundles"):
        assert host.label(f"/var/lib/sluice/{path}") == "httpd_config_t", path

    # The test of this one makes a pid file and a folder for its cache, which nginx is to write.
    host.sh("rm /run/nginx.pid")
    cache = "proxy_cache_path /var/cache/nginx-shop keys_zone=shop:1m;"
    wrong = release("two", http=cache, contract=[{"get": "http://shop.example/", "expect": {"body": "three"}}])
    failed = host.push(wrong, "r2")
    assert (failed["rolled_back"], failed["broken"], host.body) == (True, False, "one"), failed
    assert "does not hold on this host" in words(failed)
    assert "SELinux" not in words(failed)
    assert host.label("/run/nginx.pid") == "httpd_runtime_t"
    assert host.label("/var/cache/nginx-shop") == "httpd_cache_t"
    assert host.denials() == []


@pytest.mark.thorough
def test_the_watchdog_and_a_reboot_roll_back_without_a_denial(new_host: Hosts, release: Releases) -> None:
    host = new_host()
    host.push(release("one"), confirm=True)
    two = release("two")
    watchdog_rolls_back(host, two, "r2", 20.0, WATCHDOG_SECONDS)
    assert host.denials() == []
    reboot_rolls_back(host, two, "r3", WATCHDOG_SECONDS)
    assert host.sh("ps -o label= -C nginx | sort -u").split(":")[2] == "httpd_t"
    assert host.denials() == []


@pytest.mark.thorough
def test_the_policy_learns_of_the_folder_and_forgets_it(new_host: Hosts, release: Releases) -> None:
    host = new_host(tools=True)
    host.push(release("one"), confirm=True)
    subs = "/etc/selinux/default/contexts/files/file_contexts.subs"
    assert host.sh(f"cat {subs}").split() == ["/var/lib/sluice", "/etc/nginx"]
    assert host.sh("restorecon -Rnv /var/lib/sluice /etc/nginx") == "", "a relabelling would change labels"
    left = host.ask("leave", "r2")
    assert (left["ok"], left["warnings"]) == (True, []), left
    assert host.sh(f"cat {subs}") == ""
    assert host.sh("find /etc/nginx ! -context '*:httpd_config_t:*'") == ""
    host.sh("systemctl restart nginx")
    assert (host.body, host.denials()) == ("one", [])


@pytest.mark.thorough
def test_what_selinux_forbids_is_a_need_and_is_named(new_host: Hosts, release: Releases) -> None:
    host = new_host(tools=True)
    host.sh("systemctl start nginx")
    needs = [
        {"kind": "port", "value": "8443/tcp"},
        {"kind": "port", "value": "6379/tcp"},
        {"kind": "port", "value": "18081/tcp"},
        {"kind": "endpoint", "value": "127.0.0.1:22", "purpose": "proxy_pass"},
    ]
    looked = {row["key"][1]: row for row in host.ask("probe", needs=needs, known=[])["needs"]}
    assert looked["8443/tcp"]["met"]
    assert "semanage port -m -t http_port_t -p tcp 6379" in looked["6379/tcp"]["actual"]
    assert "semanage port -a -t http_port_t -p tcp 18081" in looked["18081/tcp"]["actual"]
    assert "setsebool -P httpd_can_network_connect on" in looked["127.0.0.1:22"]["actual"]

    moved = release("two", http="server { listen 18081; }")
    failed = host.push(moved)
    assert (failed["rolled_back"], failed["broken"]) == (True, False), failed
    assert "SELinux denied nginx name_bind of port 18081" in words(failed)
    assert "semanage port -a -t http_port_t -p tcp 18081" in words(failed)

    host.sh("semanage port -a -t http_port_t -p tcp 18081")
    host.push(moved, "r2", confirm=True)
    assert host.body == "two"
