"""What the kernel forbade nginx, out of the lines of its log."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine.host import denials
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.denials import denials_since, read_denial

# As a machine of tests/machines has written them.
BIND = (
    "5,1453,213,-;audit: type=1400 audit(1795949533.476:1453): avc:  denied  { name_bind } for  pid=507 "
    'comm="nginx" src=8081 scontext=system_u:system_r:httpd_t:s0 tcontext=system_u:object_r:transproxy_port_t:s0 '
    "tclass=tcp_socket permissive=0"
)
READ = (
    'type=AVC msg=audit(1795949540.001:9): avc:  denied  { read open } for  pid=353 comm="nginx" name="shop.conf" '
    'path="/var/lib/sluice/releases/x/shop.conf" dev="vda" ino=1010 scontext=system_u:system_r:httpd_t:s0 '
    "tcontext=unconfined_u:object_r:var_lib_t:s0 tclass=file permissive=0"
)
APPARMOR = (
    'audit: type=1400 audit(1795949541.5:10): apparmor="DENIED" operation="open" class="file" '
    'profile="/usr/sbin/nginx" name="/var/lib/sluice/releases/x/nginx.conf" pid=7 comm="nginx" requested_mask="r" '
    'denied_mask="r" fsuid=0 ouid=0'
)
CAPABILITY = (
    '6,421,223647050,-;audit: type=1400 audit(1796017971.996:6): apparmor="DENIED" operation="capable" '
    'class="cap" profile="nginx" pid=690 comm="nginx" capability=7  capname="setuid"'
)
SOCKET = (
    '6,422,237460130,-;audit: type=1400 audit(1796017985.812:15): apparmor="DENIED" operation="create" '
    'class="net" profile="nginx" pid=721 comm="nginx" family="unix" sock_type="stream" protocol=0 '
    'requested_mask="create" denied_mask="create"'
)


@pytest.mark.parametrize(
    ("line", "said", "fix"),
    [
        (
            BIND,
            "SELinux denied nginx name_bind of port 8081 (httpd_t on transproxy_port_t, tcp_socket)",
            "semanage port -m -t http_port_t -p tcp 8081",
        ),
        (
            BIND.replace("transproxy_port_t", "unreserved_port_t"),
            "SELinux denied nginx name_bind of port 8081 (httpd_t on unreserved_port_t, tcp_socket)",
            "semanage port -a -t http_port_t -p tcp 8081",
        ),
        (
            BIND.replace("name_bind", "name_connect").replace("src=", "dest="),
            "SELinux denied nginx name_connect of port 8081 (httpd_t on transproxy_port_t, tcp_socket)",
            "setsebool -P httpd_can_network_connect on",
        ),
        (
            READ,
            "SELinux denied nginx read open of /var/lib/sluice/releases/x/shop.conf (httpd_t on var_lib_t, file)",
            "restorecon -Rv /var/lib/sluice/releases/x/shop.conf; or `semanage fcontext` for its path, with a label "
            "that nginx may use",
        ),
        (
            APPARMOR,
            "AppArmor denied nginx open of /var/lib/sluice/releases/x/nginx.conf (/usr/sbin/nginx)",
            "allow it in the profile /usr/sbin/nginx, in a file below /etc/apparmor.d/local, and load the profile "
            "again with apparmor_parser -r",
        ),
        (
            CAPABILITY,
            "AppArmor denied nginx capable of setuid (nginx)",
            "allow it in the profile nginx, in a file below /etc/apparmor.d/local, and load the profile again with "
            "apparmor_parser -r",
        ),
        (
            SOCKET,
            "AppArmor denied nginx create of unix stream socket (nginx)",
            "allow it in the profile nginx, in a file below /etc/apparmor.d/local, and load the profile again with "
            "apparmor_parser -r",
        ),
    ],
)
def test_a_denial_says_what_and_how_to_allow_it(line: str, said: str, fix: str) -> None:
    denial = read_denial(line)
    assert denial is not None
    assert (denial.words(), denial.fix()) == (said, fix)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "audit(x): avc:  denied  { read }",
        BIND.replace("permissive=0", "permissive=1"),
        BIND.replace("denied", "granted"),
        APPARMOR.replace("DENIED", "ALLOWED"),
        "audit: type=1400 audit(1795949533.476:1453): " + "avc:  denied  { " * 1000,
    ],
)
def test_what_was_not_forbidden_is_no_denial(line: str) -> None:
    assert read_denial(line) is None


def test_a_name_that_a_visitor_chose_cannot_leave_its_line() -> None:
    name = b"shop\n] forged".hex().upper()
    denial = read_denial(READ.replace('"/var/lib/sluice/releases/x/shop.conf"', name))
    assert denial is not None
    assert denial.target == "shop?] forged"


def test_only_those_of_nginx_since_the_switch_count_and_each_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "audit.log"
    other = READ.replace('comm="nginx"', 'comm="cat"')
    log.write_text("\n".join([BIND, READ, READ, other, APPARMOR, "noise"]))
    monkeypatch.setattr(denials, "_AUDIT_LOG", str(log))
    monkeypatch.setattr(denials, "_KERNEL_LOG", str(tmp_path / "none"))
    assert [denial.act for denial in denials_since(1795949534)] == ["read open", "open"]
    assert len(denials_since(0)) == 3
