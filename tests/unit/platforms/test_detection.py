"""What a host is, from texts that real hosts have printed: os-release, and ``nginx -V``."""

from __future__ import annotations

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.nginx_build import differences, read_build
from ansible_collections.sluice.nginx.plugins.module_utils.platforms.detection import detect, detected_of_answer

# Printed by the packages of each; what only compilers need is shortened.
SAID = {
    "Debian 12": """\
nginx version: nginx/1.22.1
built with OpenSSL 3.0.22 25 Aug 2026
TLS SNI support enabled
configure arguments: --with-cc-opt='-g -O2 -ffile-prefix-map=/build/reproducible-path/nginx-1.22.1=. -fPIC' \
--with-ld-opt='-Wl,-z,relro -Wl,-z,now -fPIC' --prefix=/usr/share/nginx --conf-path=/etc/nginx/nginx.conf \
--http-log-path=/var/log/nginx/access.log --error-log-path=stderr --lock-path=/var/lock/nginx.lock \
--pid-path=/run/nginx.pid --modules-path=/usr/lib/nginx/modules --with-compat --with-debug --with-http_ssl_module \
--with-http_v2_module --with-mail=dynamic --with-stream=dynamic
""",
    "Ubuntu 24.04": """\
nginx version: nginx/1.24.0 (Ubuntu)
built with OpenSSL 3.0.13 30 Jan 2024
configure arguments: --with-cc-opt='-g -O2' --prefix=/usr/share/nginx --conf-path=/etc/nginx/nginx.conf \
--pid-path=/run/nginx.pid --modules-path=/usr/lib/nginx/modules --with-compat
""",
    "RHEL": """\
nginx version: nginx/1.18.0
built by gcc 8.3.1 20191121 (Red Hat 8.3.1-5) (GCC)
built with OpenSSL 1.1.1g FIPS  21 Apr 2020
TLS SNI support enabled
configure arguments: --prefix=/usr/share/nginx --sbin-path=/usr/sbin/nginx --modules-path=/usr/lib64/nginx/modules \
--conf-path=/etc/nginx/nginx.conf --error-log-path=/var/log/nginx/error.log --pid-path=/run/nginx.pid \
--lock-path=/run/lock/subsys/nginx --user=nginx --group=nginx --with-file-aio --with-http_ssl_module
""",
    "Alpine": """\
nginx version: nginx/1.20.2
built with OpenSSL 1.1.1l  24 Aug 2021 (running with OpenSSL 1.1.1n  15 Mar 2022)
TLS SNI support enabled
configure arguments: --prefix=/var/lib/nginx --sbin-path=/usr/sbin/nginx --modules-path=/usr/lib/nginx/modules \
--conf-path=/etc/nginx/nginx.conf --pid-path=/run/nginx/nginx.pid --lock-path=/run/nginx/nginx.lock --user=nginx \
--group=nginx --with-threads --with-file-aio --with-http_ssl_module
""",
    "nginx.org": """\
nginx version: nginx/1.25.1
built by gcc 12.2.0 (Debian 12.2.0-14)
built with OpenSSL 3.0.9 30 May 2023
TLS SNI support enabled
configure arguments: --prefix=/etc/nginx --sbin-path=/usr/sbin/nginx --modules-path=/usr/lib/nginx/modules \
--conf-path=/etc/nginx/nginx.conf --error-log-path=/var/log/nginx/error.log --http-log-path=/var/log/nginx/access.log \
--pid-path=/var/run/nginx.pid --lock-path=/var/run/nginx.lock --user=nginx --group=nginx --with-compat
""",
    "OpenResty": """\
nginx version: openresty/1.21.4.1
built by gcc 12.2.0 (GCC)
built with OpenSSL 3.0.7 1 Nov 2022
TLS SNI support enabled
configure arguments: --prefix=/usr/local/openresty/nginx --with-debug --with-cc-opt='-DNGX_LUA_USE_ASSERT -O2' \
--add-module=../ngx_devel_kit-0.3.1 --add-module=../ngx_lua-0.10.21
""",
    "Angie": """\
Angie version: Angie/1.11.0
nginx version: nginx/1.29.3
built on Wed, 24 Dec 2025 10:16:08 GMT
built with OpenSSL 3.5.4 30 Sep 2025
TLS SNI support enabled
configure arguments: --prefix=/etc/angie --conf-path=/etc/angie/angie.conf --error-log-path=/var/log/angie/error.log \
--modules-path=/usr/lib/angie/modules --pid-path=/run/angie.pid --sbin-path=/usr/sbin/angie --user=angie --group=angie
""",
    "freenginx": "freenginx version: freenginx/1.27.4\nbuilt by gcc\nconfigure arguments: --with-http_ssl_module\n",
    "somebody's": "nginx version: nginx/1.26.2\nconfigure arguments: --prefix=/opt/nginx --with-http_ssl_module\n",
}
RELEASES = {
    "Debian 12": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n',
    "Ubuntu 24.04": 'NAME="Ubuntu"\nVERSION_ID="24.04"\nID=ubuntu\nID_LIKE=debian\n',
    "RHEL 9.4": 'VERSION="9.4 (Plow)"\nID="rhel"\nID_LIKE="fedora"\nVERSION_ID="9.4"\n',
    "Rocky 8.9": 'NAME="Rocky Linux"\nID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="8.9"\n',
    "Alma 10.0": 'NAME="AlmaLinux"\nID="almalinux"\nVERSION_ID="10.0"\n',
    "Oracle 9": 'NAME="Oracle Linux Server"\nID="ol"\nVERSION_ID="9.5"\n',
    "Amazon": 'NAME="Amazon Linux"\nVERSION="2023"\nID="amzn"\nID_LIKE="fedora"\nVERSION_ID="2023"\n',
    "Fedora": 'NAME="Fedora Linux"\nID=fedora\nVERSION_ID=42\n',
    "Leap": 'NAME="openSUSE Leap"\nID="opensuse-leap"\nVERSION_ID="15.6"\n',
    "Alpine": 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.20.3\n',
    "Arch": 'NAME="Arch Linux"\nID=arch\n',
    "Debian 9": 'VERSION_ID="9"\nID=debian\n',
}


@pytest.mark.parametrize(
    ("release", "said", "manager", "name", "words"),
    [
        ("Debian 12", "Debian 12", "systemd", "debian-12", "debian-12 with nginx 1.22.1 of the distribution"),
        ("Debian 12", "Debian 12", "runit", "debian-12", "started by runit"),
        ("Debian 12", "nginx.org", "systemd", "debian-12+nginx.org-mainline", "nginx 1.25.1 of nginx.org-mainline"),
        ("Ubuntu 24.04", "Ubuntu 24.04", "systemd", "ubuntu-24.04", "nginx 1.24.0"),
        ("RHEL 9.4", "RHEL", "systemd", "rhel-9", "nginx 1.18.0"),
        ("Rocky 8.9", "RHEL", "systemd", "rocky-8", "rocky-8"),
        ("Alma 10.0", "RHEL", "systemd", "alma-10", "alma-10"),
        ("Oracle 9", "RHEL", "systemd", "oracle-9", "oracle-9"),
        ("Amazon", "RHEL", "systemd", "amazon-2023", "amazon-2023"),
        ("Fedora", "RHEL", "systemd", "fedora-42", "fedora-42"),
        ("Leap", "nginx.org", "systemd", "leap-15.6+nginx.org-mainline", "leap-15.6"),
        ("Alpine", "Alpine", "openrc", "alpine-3.20", "started by OpenRC"),
        ("Debian 12", "OpenResty", "systemd", "debian-12+openresty", "openresty 1.21.4.1 of openresty"),
        ("Debian 12", "Angie", "systemd", "debian-12+angie", "Angie 1.11.0 of angie"),
        ("Debian 12", "freenginx", "sysvinit", "debian-12+freenginx", "freenginx 1.27.4 of freenginx"),
    ],
)
def test_what_is_described_is_found(release: str, said: str, manager: str, name: str, words: str) -> None:
    found = detect(RELEASES[release], SAID[said], manager)
    assert found.missing == ()
    assert found.platform is not None
    assert found.platform.name == name
    assert words in found.words


@pytest.mark.parametrize(
    ("release", "said", "manager", "words"),
    [
        ("Arch", "Debian 12", "systemd", "no platform describes arch; Alpine, Amazon Linux, Debian, Fedora, "),
        (
            "Debian 9",
            "Debian 12",
            "systemd",
            "Debian 9 is not described, only 11, 12, 13; what is staged",
        ),
        ("Alpine", "somebody's", "openrc", "is called nginx and has the prefix /opt/nginx and /opt/nginx/conf/nginx"),
        ("RHEL 9.4", "RHEL", "openrc", "rhel-9 is described with systemd, and this one has OpenRC"),
    ],
)
def test_what_is_not_described_gets_a_sentence(release: str, said: str, manager: str, words: str) -> None:
    found = detect(RELEASES[release], SAID[said], manager)
    assert found.platform is None
    assert words in "; ".join(found.missing)


def test_a_preflight_tells_the_same() -> None:
    built = read_build(SAID["nginx.org"])
    assert built is not None
    answer = {
        "platform": {"os": "rocky 9.4", "service_manager": "systemd"},
        "nginx": {
            "version": "1.28.0", "flavour": "nginx", "prefix": built.prefix, "configuration": "/etc/nginx/nginx.conf",
        },
    }  # fmt: skip
    found = detected_of_answer(answer)
    assert found.words == "rocky-9 with nginx 1.28.0 of nginx.org, started by systemd"
    assert found.platform is not None
    assert found.platform.nginx.modules == "/usr/lib64/nginx/modules"


@pytest.mark.parametrize(
    ("said", "flavour", "version", "core", "pid"),
    [
        ("Debian 12", "nginx", "1.22.1", "1.22.1", "/run/nginx.pid"),
        ("OpenResty", "openresty", "1.21.4.1", "1.21.4", "/usr/local/openresty/nginx/logs/nginx.pid"),
        ("Angie", "Angie", "1.11.0", "1.29.3", "/run/angie.pid"),
        ("freenginx", "freenginx", "1.27.4", "1.27.4", "/usr/local/nginx/logs/nginx.pid"),
    ],
)
def test_a_build_is_read(said: str, flavour: str, version: str, core: str, pid: str) -> None:
    built = read_build(f"ld.so: a library of a stale entry cannot be preloaded\n{SAID[said]}")
    assert built is not None
    assert (built.flavour, built.version, built.core, built.path("pid-path")) == (flavour, version, core, pid)


@pytest.mark.parametrize("said", ["", "sh: nginx: not found", "version: of what", "nginx version: nginx/"])
def test_what_is_no_nginx_is_none(said: str) -> None:
    assert read_build(said) is None


def test_builds_differ_in_what_a_configuration_means() -> None:
    debian, org = read_build(SAID["Debian 12"]), read_build(SAID["nginx.org"])
    assert debian is not None
    assert org is not None
    assert differences(debian, debian) == []
    assert ("another version", "1.22.1", "1.25.1") in differences(debian, org)
    assert ("another prefix, to which relative paths are relative", "/usr/share/nginx", "/etc/nginx") in differences(
        debian, org
    )
    # The options of compilers are others in each build of a package.
    rebuilt = read_build(SAID["Debian 12"].replace("reproducible-path", "other"))
    assert rebuilt is not None
    assert differences(debian, rebuilt) == []
