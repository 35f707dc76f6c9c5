"""Keys and passwords on a real host: nobody else reads them, at no moment, and no answer has them."""

from __future__ import annotations

import base64
import json
import os
import shlex
from typing import Any

import pytest

from tests.integration.hosts import Host, host, new_host, release

__all__ = ["host", "new_host", "release"]

pytestmark = pytest.mark.integration

KEY = "-----BEGIN PRIVATE KEY-----\nS3CR3T-OF-THE-KEY\n-----END PRIVATE KEY-----\n"
MARK = "S3CR3T"
# Looks for files that hold a secret and can be read, and keeps on until it is told to end. The code of the engine is
# most of what there is, and holds none: without it a round takes a few milliseconds.
SPY = """
import json, os, time
looked, seen = False, set()
while not os.path.exists("/tmp/stop"):
    time.sleep(0.002)
    for top in ("/var/lib/sluice", "/etc/nginx", "/etc/.nginx.before-sluice", "/run/sluice"):
        for folder, below, names in os.walk(top):
            if folder == "/var/lib/sluice":
                below[:] = [each for each in below if each != "engine"]
            for name in names:
                path = os.path.join(folder, name)
                try:
                    with open(path, errors="replace") as file:
                        if "S3CR3T" in file.read():
                            seen.add(path)
                except OSError:
                    pass
    if not looked:
        print(flush=True)
    looked = True
print(json.dumps(sorted(seen)))
"""


# An unprivileged user, who can read what all may read.
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


@pytest.fixture
def keeper(host: Host) -> Host:
    """A host with twenty keys that only root may read, in a folder that only root may enter."""
    host.sh(
        "mkdir -m 700 /etc/nginx/ssl; cd /etc/nginx/ssl; umask 077; "
        f"for n in $(seq 20); do printf %s {shlex.quote(KEY * 50)} > $n.key; done; "
        f"echo 'api \"{MARK}\";' > /etc/nginx/keys.map"
    )
    return host


def test_who_looks_for_keys_finds_one_that_all_may_read(keeper: Host) -> None:
    with keeper.beside(SPY, *NOBODY) as seen:
        keeper.sh(
            f"mkdir -p /var/lib/sluice && echo {MARK} > /var/lib/sluice/loose; sleep 0.1; rm /var/lib/sluice/loose"
        )
    assert seen() == ["/var/lib/sluice/loose"]


def test_at_no_moment_can_anybody_else_read_a_key(keeper: Host, release: Any) -> None:
    one = release(
        "one", files={"ssl/one.key": KEY, "plain": "x"}, links={"ssl-kept": "/var/lib/sluice/shared/ssl-kept"}
    )
    keeper.sh("cp -a /etc/nginx/ssl /etc/nginx/ssl-kept")
    os.chmod(one.folder / "ssl" / "one.key", 0o600)
    one = type(one)(one.folder, (), ("ssl-kept",))
    with keeper.beside(SPY, *NOBODY) as seen:
        assert keeper.push(one, confirm=True)["ok"]
        back = keeper.ask("activate", "r2", release={"id": keeper.state["confirmed"]["before"]}, stored="previous")
        assert back["ok"] or back["problems"], back
        keeper.ask("rollback", "r2")
        keeper.sh(f"rm -r /var/lib/sluice/releases/{one.id}/ssl; echo '# by hand' >> /etc/nginx/plain")
        keeper.ask("preflight", "r3", release=one.id, drift="discard")
        assert keeper.push(one, "r3", drift="discard", confirm=True)["ok"]
    assert seen() == []
    assert keeper.sh(f"stat -c %a /var/lib/sluice/releases/{one.id}/ssl/one.key") == "600"
    assert keeper.sh("stat -c %a /var/lib/sluice/shared/ssl-kept") == "700"
    assert keeper.sh("ls -A /var/lib/sluice") .split() == [
        "ballast", "bundles", "engine", "journal.jsonl", "lock", "meta", "nginx.json", "releases", "shared",
        "starter.json", "state.json", "watchdog.py",
    ]  # fmt: skip


def test_workers_read_the_passwords_that_others_may_not(host: Host, release: Any) -> None:
    server = "auth_basic staff; auth_basic_user_file users;"
    files = {"users": f"ann:{{PLAIN}}{MARK}\n", "root/index.txt": "for staff\n"}
    one = release("one", files=files)
    # `return` comes before the password is asked for.
    conf = one.folder / "nginx.conf"
    conf.write_text(
        conf.read_text().replace('return 200 "one\\n";', f"root /etc/nginx/root; index index.txt; {server}")
    )
    os.chmod(one.folder / "users", 0o640)
    one = type(one)(one.folder)
    answer = host.push(one, confirm=True)
    assert answer["ok"], answer
    assert host.sh(f"stat -c '%a %U %G' /var/lib/sluice/releases/{one.id}/users") == "640 root www-data"
    ask = "import base64, urllib.request as r; q = r.Request('http://127.0.0.1/', headers={'Authorization': 'Basic ' + "
    ask += f"base64.b64encode(b'ann:{MARK}').decode()}}); print(r.urlopen(q).read().decode())"
    assert host.sh(f"python3 -c {shlex.quote(ask)}") == "for staff"
    assert "Permission denied" in host.sh(
        "setpriv --reuid=65534 --regid=65534 --clear-groups cat /etc/nginx/users 2>&1", False
    )


def test_a_renewed_key_is_drift_that_nobody_is_shown(keeper: Host, release: Any) -> None:
    one = release("one", files={"ssl/one.key": KEY, "conf.d/a.map": f'set $api_token "{MARK}";\n'})
    assert keeper.push(one, confirm=True)["ok"]
    renew = KEY.replace("OF-THE-KEY", "RENEWED")
    keeper.sh(
        f"cd /etc/nginx; printf %s {shlex.quote(renew)} > ssl/one.key; echo 'set $api_token {MARK}2;' > conf.d/a.map"
    )
    keeper.sh("chmod 666 mime.types; cd /etc/nginx; chmod 666 mime.types", False)
    answers = {
        "status": keeper.ask("status"),
        "preflight": keeper.ask("preflight", "r2", release=one.id, want_tree=True),
        "activate": keeper.ask("activate", "r2", one.bundle, release=release("two").form, receipt=one.receipt),
        "probe": keeper.ask("probe"),
    }
    for name, answer in answers.items():
        if "tree" in answer and isinstance(answer["tree"], str):
            import gzip

            assert MARK not in gzip.decompress(base64.b64decode(answer.pop("tree"))).decode("latin-1").replace(
                f"set $api_token {MARK}2;", ""
            )
        assert MARK not in json.dumps(answer), name
    diff = answers["status"]["drift_diff"]
    assert "ssl/one.key\n(changed, and not shown" in diff
    assert "+set $api_token …redacted…;" in diff
    assert "ssl/one.key" in answers["status"]["drift"]


def test_what_nginx_makes_for_the_engine_is_as_it_always_is(host: Host, release: Any) -> None:
    main = "error_log /var/log/nginx/other.log;"
    assert host.push(release("one", main=main), confirm=True)["ok"]
    assert host.sh("stat -c %a /var/log/nginx/other.log") == "644"
    made = host.sh("find /var/lib/sluice /run/sluice -maxdepth 1 -printf '%m %p\\n'").splitlines()
    modes = {row.split()[1]: row.split()[0] for row in made}
    open_to_all = {path for path, mode in modes.items() if int(mode, 8) & 0o077}
    assert open_to_all == {"/var/lib/sluice", "/var/lib/sluice/releases", "/var/lib/sluice/shared"}
