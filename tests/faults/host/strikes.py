"""What each fault does to a host, and how the host is fixed afterwards."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from ansible_collections.sluice.nginx.plugins.module_utils import receipt as receipts
from tests.faults.host.host import Host, make_release, receipt_for, until
from tests.faults.host.scene import JOURNAL, Scene, Told
from tests.faults.table.table import PLAIN, Pair
from tests.faults.table.words import WATCHDOG

__all__ = ["FAULTS", "Fault", "tell"]

PORT = 9199
_HOLD = f"""
import os, socket, time
held = socket.socket()
held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
held.bind(("127.0.0.1", {PORT}))
held.listen()
open("/run/faults/holder", "w").write(str(os.getpid()))
time.sleep(600)
"""
_ZONE = "limit_req_zone {key} zone=faults:{size} rate=1000r/s;"
_OWN_LOG = "access_log /var/log/faults/access.log;"


def _nothing(scene: Scene) -> None:
    """Nothing is to be done."""


class Fault(NamedTuple):
    """``prepare`` comes before the run, ``strike`` in its phase; with ``retry_rollback`` the host can be used again.

    ``early`` ones, when it is before the swap, strike between preflight and activation. ``fixed_first``: only a fixed
    host is where it may be left.
    """

    strike: Callable[[Scene], None]
    prepare: Callable[[Scene], None] = _nothing
    fix: Callable[[Scene], None] = _nothing
    early: bool = False
    fixed_first: bool = False


def _dies(scene: Scene) -> None:
    scene.do = "die"


def _reboot(scene: Scene) -> None:
    scene.gone = True
    scene.host.reboot()


def _kill_master(scene: Scene) -> None:
    scene.host.sh("kill -9 $(cat /run/nginx.pid)")


def _stop_nginx(scene: Scene) -> None:
    scene.host.sh("systemctl stop nginx")


def _start_nginx(scene: Scene) -> None:
    scene.host.sh("systemctl start nginx")


def _replace_nginx(scene: Scene) -> None:
    """Install an nginx that says it is another version, as a package upgrade does, with a restart."""
    version = scene.host.nginx_version
    other = version[:-1] + ("8" if version[-1] == "9" else "9")
    scene.host.sh(
        "cp -a /usr/sbin/nginx /usr/sbin/nginx-away && "
        f"LC_ALL=C sed 's#nginx/{version}#nginx/{other}#g' /usr/sbin/nginx-away > /usr/sbin/nginx.new && "
        "chmod 755 /usr/sbin/nginx.new && mv /usr/sbin/nginx.new /usr/sbin/nginx && systemctl restart nginx"
    )


def _bring_nginx_back(scene: Scene) -> None:
    scene.host.sh("mv /usr/sbin/nginx-away /usr/sbin/nginx && systemctl restart nginx")


def _take_port(scene: Scene) -> None:
    scene.host.background("python3", "-c", _HOLD)
    scene.host.wait("[ -s /run/faults/holder ]", "the port was taken")


def _free_port(scene: Scene) -> None:
    scene.host.sh("kill -9 $(cat /run/faults/holder)")


def _listens(scene: Scene) -> None:
    """The release wants the port; where it is the rollback that needs it, the release of before does."""
    server = f"listen 127.0.0.1:{PORT};"
    if scene.pair.phase == "during rollback":
        scene.before(server=server)
    else:
        scene.make(server=server)


def _zone(key: str, size: str, then: str) -> Callable[[Scene], None]:
    def prepare(scene: Scene) -> None:
        scene.before(http=_ZONE.format(key=key, size=size))
        scene.make(http=then)

    return prepare


def _logs_apart(scene: Scene) -> None:
    scene.host.sh("mkdir -p /var/log/faults")
    if scene.pair.phase == "during rollback":
        scene.before(server=_OWN_LOG)
    scene.make(server=_OWN_LOG)


def _lock_logs(scene: Scene) -> None:
    scene.host.sh("mount --bind /var/log/faults /var/log/faults && mount -o remount,bind,ro /var/log/faults")


def _unlock_logs(scene: Scene) -> None:
    scene.host.sh("umount /var/log/faults")


def _own_disk(scene: Scene) -> None:
    """Give Sluice's folder a small file system of its own."""
    scene.host.sh(
        "mkdir -p /run/disk && mount -t tmpfs -o size=12m,mode=755 none /run/disk && "
        "cp -a /var/lib/sluice/. /run/disk && mount --move /run/disk /var/lib/sluice"
    )


def _fill_disk(scene: Scene) -> None:
    filler = "/var/lib/sluice/filler"
    # To the last byte.
    scene.host.exec("sh", "-c", f"cat /dev/zero > {filler}; dd if=/dev/zero bs=512 >> {filler}")


def _shared_disk(scene: Scene) -> None:
    """Bring what is in Sluice's folder back to where it was."""
    scene.host.sh(
        "rm -f /var/lib/sluice/filler && mkdir -p /run/under && mount --bind / /run/under && "
        "find /run/under/var/lib/sluice -mindepth 1 -delete && cp -a /var/lib/sluice/. /run/under/var/lib/sluice && "
        "umount /run/under && umount -l /var/lib/sluice"
    )


def _truncate_state(scene: Scene) -> None:
    scene.host.sh("truncate -s 40 /var/lib/sluice/state.json")
    scene.gone = scene.pair.phase == "during bake"


def _hide_python(scene: Scene) -> None:
    scene.host.sh("mv /usr/bin/python3 /usr/bin/python3-away")


def _show_python(scene: Scene) -> None:
    if scene.pair.by == WATCHDOG:
        # Its time comes, and it finds no Python.
        _outlast_the_deadline(scene)
    scene.host.sh("mv /usr/bin/python3-away /usr/bin/python3")


def _move_clock(seconds: int) -> Callable[[Scene], None]:
    def strike(scene: Scene) -> None:
        scene.host.sh(f"echo {seconds} > /run/faults/clock")
        if scene.pair.phase == "during bake":
            # A contact of somebody else under the moved clock, which must not roll the release back early.
            seen = scene.ask("preflight", "other", release=scene.release.id, recover=True)
            assert scene.host.pending(), seen
            scene.gone = True
            until(lambda: not scene.host.pending(), "the watchdog acts")
            waited = _at(scene, '"event": "watchdog"') - _at(scene, '"event": "activate".*"mark": "end"')
            # The last heartbeat is a little older than the end of the activation.
            assert waited.total_seconds() > scene.deadline - 2, f"the watchdog acted after {waited}"

    return strike


def _at(scene: Scene, event: str) -> datetime:
    """When the host wrote down an event of this run, by its own clock."""
    line = scene.host.sh(f"grep '{scene.run}' {JOURNAL} | grep '{event}'")
    return datetime.fromisoformat(json.loads(line)["at"])


def _freeze(scene: Scene) -> None:
    with scene.host.frozen():
        time.sleep(scene.deadline + 2 if scene.pair.by == WATCHDOG else 3)


def _stop_watchdog(scene: Scene) -> None:
    """No watchdog any more; and where the run is over too, it is the next contact that finds what they left."""
    if scene.pair.level == PLAIN:
        scene.host.exec("pkill", "-9", "-f", "python3 -IS")
    else:
        # On a busy machine the timer has started it already: it waits for the next heartbeat.
        scene.host.sh(f"systemctl stop {scene.watchdog}.timer; systemctl stop {scene.watchdog}.service || true")
    if scene.pair.phase in ("after the swap", "during bake"):
        scene.gone = True
        scene.host.exec("sh", "-c", "kill -9 $(cat /run/faults/engine)")


def _next_contact(scene: Scene) -> None:
    if scene.gone:
        until(lambda: not scene.host.look()["busy"], "nobody is at work")
        time.sleep(scene.deadline + 1)
        scene.ask("preflight", "the next one", release=scene.release.id, recover=True)


def _somebody_starts_nginx(scene: Scene) -> None:
    """Without systemd nothing starts at boot: nginx comes up with what the link leads to, and the next run is told."""
    if scene.pair.level == PLAIN:
        scene.host.sh("nginx")
        scene.ask("preflight", "the next one", release=scene.release.id, recover=True)


def _hold_nothing(scene: Scene) -> None:
    scene.held = False


def _kill_watchdog(scene: Scene) -> None:
    """End the watchdog's process: while it waits for the run's next heartbeat, or while it rolls the release back."""
    scene.gone = True
    if scene.pair.phase == "during bake":
        time.sleep(scene.deadline - 2)
        scene.ask("bake", release=scene.release.id, seconds=0)
    said = '"event": "watchdog"' if scene.pair.phase == "during rollback" else '"event": "pending"'
    scene.host.sh(
        f"for i in $(seq 3000); do p=$(systemctl show -P MainPID {scene.watchdog}.service); "
        f"if [ $p -gt 0 ] && grep '{scene.run}' {JOURNAL} | grep -q '{said}'; then kill -9 $p; exit; fi; "
        "sleep 0.02; done; echo 'the watchdog never came' >&2; exit 1"
    )


def _other(scene: Scene) -> None:
    """Another run comes: with a release of its own, or, while this one confirms, to roll it back."""
    if scene.pair.phase == "during confirm":
        scene.ask("rollback", "other", of=scene.run)
    else:
        scene.activate("other")


def _two_others(scene: Scene) -> None:
    threads = [
        threading.Thread(target=scene.activate, args=("other",)),
        threading.Thread(target=scene.ask, args=("rollback", "third"), kwargs={"of": scene.run}),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _sign(scene: Scene, key: str, data: bytes) -> str:
    """Sign with a key that is made for it, on the host, as the controller would."""
    scene.host.sh(f"[ -e /run/faults/{key} ] || ssh-keygen -q -t ed25519 -N '' -f /run/faults/{key}")
    sign = f"ssh-keygen -q -Y sign -n {receipts.NAMESPACE} -f /run/faults/{key} < /run/faults/signed"
    done = scene.host.exec("sh", "-ec", f"cat > /run/faults/signed; {sign}", data=data)
    return done.stdout.decode()


def _signed_by(key: str) -> Callable[[Scene], None]:
    """The host trusts a friend. A stranger signs the receipt, or the friend signed another one."""

    def prepare(scene: Scene) -> None:
        _sign(scene, "friend", b"")
        scene.host.sh('mkdir -p /etc/sluice; echo "gates $(cat /run/faults/friend.pub)" > /etc/sluice/allowed_signers')
        receipt = receipt_for(scene.release.id)
        signed = receipt if key == "stranger" else receipt_for("0" * 64)
        scene.more = {"receipt": receipt, "signature": _sign(scene, key, receipts.canonical(signed))}

    return prepare


def _unsigned(scene: Scene) -> None:
    _signed_by("friend")(scene)
    scene.more["signature"] = ""


def _trust_nobody(scene: Scene) -> None:
    scene.host.sh("rm -r /etc/sluice")


def _receipt(**changed: Any) -> Callable[[Scene], None]:
    def prepare(scene: Scene) -> None:
        scene.more = {"receipt": receipt_for(scene.release.id, **changed)}

    return prepare


def _change_bundle(scene: Scene) -> None:
    other = make_release(scene.run.swapcase())
    scene.release.bundle = other.bundle


def _hang_upstream(scene: Scene) -> None:
    scene.make(
        http=f"server {{ listen 80; server_name slow.example; location / {{ proxy_pass http://127.0.0.1:{PORT}; }} }}",
        page="http://slow.example/",
    )
    _take_port(scene)


def _outlast_the_deadline(scene: Scene) -> None:
    time.sleep(scene.deadline + 2)


def _soon(scene: Scene) -> None:
    scene.deadline = 5


def _confirm_late(scene: Scene) -> None:
    """The watchdog has rolled the release back, or is about it, when the confirmation comes."""
    scene.gone = True
    said = "rolled_back" if scene.pair.phase == "during bake" else "watchdog"
    until(lambda: f'"event": "{said}"' in scene.host.exec("grep", "-A99", scene.run, JOURNAL).stdout.decode(), said)
    assert not scene.ask("confirm", release=scene.release.id)["ok"]


def _confirm_in_time(scene: Scene) -> None:
    """The confirmation and the watchdog come at the same time."""
    scene.gone = True
    time.sleep(scene.deadline - 0.4)
    scene.ask("confirm", release=scene.release.id)


def _stop_engine(scene: Scene) -> None:
    scene.host.sh("kill -STOP $(cat /run/faults/engine)")


def _go(scene: Scene) -> None:
    scene.gone = True


FAULTS: dict[str, Fault] = {
    "controller killed": Fault(_go),
    "engine killed": Fault(_nothing, prepare=_dies),
    "engine hangs": Fault(_stop_engine),
    "host killed and booted again": Fault(_reboot, fix=_somebody_starts_nginx, fixed_first=True),
    "host hangs": Fault(_freeze),
    "nginx not running": Fault(_stop_nginx, fix=_start_nginx, early=True, fixed_first=True),
    "nginx killed": Fault(_kill_master),
    "nginx replaced by another version": Fault(_replace_nginx, fix=_bring_nginx_back, early=True),
    "port taken": Fault(_take_port, prepare=_listens, fix=_free_port),
    "zone size changed": Fault(_nothing, prepare=_zone("$uri", "1m", _ZONE.format(key="$uri", size="2m"))),
    "zone type changed": Fault(_nothing, prepare=_zone("$uri", "1m", "limit_conn_zone $uri zone=faults:1m;")),
    "zone key changed": Fault(_nothing, prepare=_zone("$uri", "1m", _ZONE.format(key="$request_uri", size="1m"))),
    "page never answers": Fault(_nothing, prepare=_hang_upstream, fix=_free_port),
    "log directory read-only": Fault(_lock_logs, prepare=_logs_apart, fix=_unlock_logs),
    "disk full": Fault(_fill_disk, prepare=_own_disk, fix=_shared_disk),
    "state file truncated": Fault(_truncate_state),
    "watchdog stopped": Fault(_stop_watchdog, fix=_next_contact, fixed_first=True),
    "watchdog killed": Fault(_kill_watchdog, prepare=_hold_nothing),
    "clock an hour ahead": Fault(_move_clock(3600)),
    "clock an hour behind": Fault(_move_clock(-3600)),
    "two runs at once": Fault(_other),
    "third run while a rollback runs": Fault(_two_others),
    "receipt signed by a stranger": Fault(_nothing, prepare=_signed_by("stranger"), fix=_trust_nobody, early=True),
    "signature of another receipt": Fault(_nothing, prepare=_signed_by("friend"), fix=_trust_nobody, early=True),
    "receipt unsigned": Fault(_nothing, prepare=_unsigned, fix=_trust_nobody, early=True),
    "receipt of another release": Fault(_nothing, prepare=_receipt(release="0" * 64), early=True),
    "receipt without a gate": Fault(_nothing, prepare=_receipt(gates={"spec": "pass"}), early=True),
    "receipt expired": Fault(_nothing, prepare=_receipt(expires="2026-01-01T00:00:00.000Z"), early=True),
    "bundle changed by one byte": Fault(_nothing, prepare=_change_bundle, early=True),
    "Python missing": Fault(_hide_python, fix=_show_python, early=True, fixed_first=True),
    "confirm before the watchdog": Fault(_outlast_the_deadline, prepare=_soon),
    "confirm after the watchdog": Fault(_confirm_late, prepare=_hold_nothing),
    "confirm and watchdog at once": Fault(_confirm_in_time),
}


def tell(host: Host, pair: Pair) -> Told:
    """Return the story of a pair on a host."""
    fault = FAULTS[pair.fault]
    scene = Scene(host, pair)
    scene.open()
    fixed = False
    try:
        fault.prepare(scene)
        scene.play(fault.strike, early=fault.early and pair.phase == "before the swap")
        if fault.fixed_first:
            fixed = True
            fault.fix(scene)
        return scene.told()
    finally:
        if not fixed:
            fault.fix(scene)
