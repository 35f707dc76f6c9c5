"""What containers cannot be given: a clock of their own, a firewall, a kernel that is short of memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.machines.host import WATCHDOG_SECONDS, Host, Release

pytestmark = [pytest.mark.integration, pytest.mark.thorough]

Hosts = Callable[..., Host]
Releases = Callable[..., Release]


def test_a_clock_that_jumps_neither_fires_the_watchdog_nor_stops_it(new_host: Hosts, release: Releases) -> None:
    host = new_host()
    one, two = release("one"), release("two")
    host.push(one, confirm=True)
    assert host.push(two, "r2", options={"confirm_timeout": 60.0})["ok"]
    host.sh("date --set '+3 days' && sleep 3")
    assert host.state["pending"]["release"] == two.id, "the clock went on by three days, and the watchdog acted on that"
    host.sh("date --set '-6 days'")
    state = host.finalized(WATCHDOG_SECONDS)
    assert (state["live"], state["last"]["outcome"], host.body) == (one.id, "rolled_back", "one")


def test_a_host_that_is_cut_off_rolls_back_alone(new_host: Hosts, release: Releases) -> None:
    host = new_host()
    one, two = release("one"), release("two")
    host.push(one, confirm=True)
    assert host.push(two, "r2", options={"confirm_timeout": 20.0})["ok"]
    # Nothing comes in, also of the connection that asks for it. The host fixes itself, as nobody else could.
    rules = "table inet away { chain in { type filter hook input priority 0; iif lo accept; drop; }; }"
    host.sh(f"systemd-run --quiet --on-active=75 nft flush ruleset && (sleep 1; nft '{rules}') >/dev/null 2>&1 &")
    host.machine.forget()
    host.machine.wait()
    state = host.finalized(WATCHDOG_SECONDS)
    assert (state["live"], state["last"]["by"], host.body) == (one.id, "watchdog", "one")


def test_workers_are_counted_as_nginx_does_in_a_control_group(new_host: Hosts, release: Releases) -> None:
    host = new_host()
    assert host.sh("stat -f -c %T /sys/fs/cgroup") == "cgroup2fs"
    host.sh("systemctl set-property --runtime nginx.service AllowedCPUs=0 && systemctl restart nginx")
    answer = host.push(release("one", workers="auto"), confirm=True)
    # glibc counts the processors that are there, whatever the group allows, and nginx goes by it.
    assert len(answer["workers"]) == int(host.sh("ps --no-headers -o cmd -C nginx | grep -c 'worker process$'"))


def test_a_release_for_which_there_is_no_memory_is_rolled_back(new_host: Hosts, release: Releases) -> None:
    host = new_host()
    host.push(release("one"), confirm=True)
    used = int(host.sh("systemctl show nginx -p MemoryCurrent --value"))
    host.sh(f"systemctl set-property --runtime nginx.service MemoryMax={used + (8 << 20)} MemorySwapMax=0")
    # The master makes and fills the table when it reads the release; the kernel ends what takes more than is allowed.
    many = "".join(f'"{number:06}-{"x" * 900}" {number};\n' for number in range(20000))
    greedy = release("two", http="map_hash_bucket_size 2048; map $uri $x { include big.map; }", files={"big.map": many})
    failed = host.push(greedy, "r2")
    assert (failed["ok"], failed["rolled_back"], failed["broken"]) == (False, True, False), failed["problems"]
    assert host.body == "one"
    assert int(host.sh("systemctl show nginx -p MemoryCurrent --value")) < used + (8 << 20)
