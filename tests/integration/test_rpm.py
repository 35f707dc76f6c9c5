"""Upgrades by a real rpm: Debian's package of it, on a host on which it is the only package manager, with packages that
own nginx's files as nginx.org's and Fedora's do.
"""

from __future__ import annotations

import hashlib
import shlex
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.containers import RunContainer
from tests.integration.hosts import ASK, CONF, Host, release, words
from tests.pushed import PushedRelease

__all__ = ["release"]

pytestmark = pytest.mark.integration

# A package of nginx's, and one that has a folder in common with it and a name as odd as rpm allows.
NGINX = """Name: nginx
Epoch: 2
Version: {version}
Release: 1
Summary: x
License: BSD
%description
x
%prep
%install
mkdir -p %{{buildroot}}/etc/nginx/conf.d %{{buildroot}}/usr/lib64/nginx/modules %{{buildroot}}/usr/sbin
cd %{{buildroot}}/etc/nginx
cp /usr/sbin/nginx %{{buildroot}}/usr/sbin/nginx
for each in nginx.conf conf.d/default.conf mime.types fastcgi_params uwsgi_params koi-utf {files}
do mkdir -p $(dirname $each); echo "# $each of {version}" > $each; done
echo "# scgi_params of any version" > scgi_params
ln -s ../../usr/lib64/nginx/modules modules
touch %{{buildroot}}/usr/lib64/nginx/modules/{version}.so
{more}
%files
%dir /etc/nginx
%dir /etc/nginx/conf.d
/etc/nginx/modules
%config(noreplace) /etc/nginx/nginx.conf
%config(noreplace) /etc/nginx/conf.d/default.conf
%config(noreplace) /etc/nginx/mime.types
%config(noreplace) /etc/nginx/fastcgi_params
%config(noreplace) %attr({mode}, root, root) /etc/nginx/scgi_params
%config /etc/nginx/uwsgi_params
/etc/nginx/koi-utf
/usr/lib64/nginx
/usr/sbin/nginx
{rows}
%changelog
* Thu Nov 26 2026 A B <a@b.example> - 2:{version}-1
- Fix CVE-2026-1642 and CVE-2025-23419
"""
ODD = """Name: nginx-mod_c++.%{{nil}}odd
Version: {version}
Release: 1
Summary: x
License: BSD
%description
x
%prep
%install
mkdir -p %{{buildroot}}/etc/nginx/conf.d
echo "# of {version}" > "%{{buildroot}}/etc/nginx/conf.d/odd name (replaced).conf"
%files
%dir /etc/nginx/conf.d
%config(noreplace) "/etc/nginx/conf.d/odd name (replaced).conf"
"""
SPECS = {
    "nginx-1": NGINX.format(
        version="1.26.1",
        mode="0644",
        files="win-utf old.conf",
        more="",
        rows="/etc/nginx/win-utf\n%config /etc/nginx/old.conf",
    ),
    "nginx-2": NGINX.format(
        version="1.26.2",
        mode="0640",
        files="default.d/new.conf",
        more="mkdir empty.d",
        rows="/etc/nginx/default.d\n%dir /etc/nginx/empty.d",
    ),
    "odd-1": ODD.format(version="1"),
    "odd-2": ODD.format(version="2"),
}
ODD_NAME = "nginx-mod_c++.odd"
# On Debian it keeps its list in a home, and all that it makes smaller costs time here.
MACROS = """%_dbpath /var/lib/rpm
%debug_package %{nil}
%__os_install_post %{nil}
%_topdir /rpm
%_build_name_fmt %%{NAME}-%%{VERSION}.rpm
"""
UPGRADE = "rpm -U --nodeps /rpm/RPMS/{}.rpm 2>&1"


def image(platform_image: str) -> str:
    """Make the image of a host of rpm's, with the packages built, unless it is there."""
    files = {"/etc/rpm/macros": MACROS, **{f"/rpm/{name}.spec": text for name, text in SPECS.items()}}
    written = " ".join(
        f"&& mkdir -p $(dirname {path}) && printf %s {quoted(text)} > {path}" for path, text in files.items()
    )
    recipe = f"""FROM {platform_image}
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends rpm \\
 && rm -rf /var/lib/apt/lists/*
SHELL ["/bin/bash", "-ec"]
RUN true {written}
RUN rpmbuild --quiet -bb /rpm/*.spec && mv /var/lib/dpkg/status /var/lib/dpkg/status.away
"""
    tag = f"sluice-test:{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    if subprocess.run(["docker", "image", "inspect", tag], capture_output=True, check=False).returncode == 0:
        return tag
    argv = ["docker", "build", "--quiet", "--label", "sluice=1", "--tag", tag, "-"]
    done = subprocess.run(argv, input=recipe, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return tag


def quoted(text: str) -> str:
    """A text as bash writes it in one line."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"$'{escaped}'"


@pytest.fixture
def rpm_host(run_container: RunContainer, platform_image: str) -> Host:
    """A host of rpm's, on which the first version of both packages is installed, with an nginx.conf that somebody
    wrote.
    """
    options = ["--init", "--network", "none", "-e", f"ASK={ASK}"]
    options += ["--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined"]
    host = Host(run_container(*options, image(platform_image), "sleep", "infinity"))
    host.sh("rm -r /etc/nginx; rpm -i --nodeps /rpm/RPMS/nginx-1.26.1.rpm /rpm/RPMS/nginx-mod_c++.odd-1.rpm")
    conf = CONF.format(workers=2, main="", server="", status=200, body="by hand")
    host.sh(f"printf %s {shlex.quote(conf)} > /etc/nginx/nginx.conf; nginx")
    return host


def packaged(version: str, *names: str) -> dict[str, str]:
    """Files as nginx's package has them."""
    return {name: f"# {name} of {version}\n" for name in names}


# What staging's packages brought, and what somebody deployed over it: files that rpm takes for edited. The default
# site is in none, as few want it.
DEPLOYED = {
    **packaged("1.26.1", "fastcgi_params", "koi-utf"),
    "scgi_params": "# scgi_params of any version\n",
    "conf.d/odd name (replaced).conf": "# of 1\n",
    "mime.types": "types { text/plain txt; } # ours\n",
    "uwsgi_params": "# ours\n",
    "old.conf": "# ours\n",
}
# As the first push of a host adopts it, and as the package has it.
ABSOLUTE, RELATIVE = "/usr/lib64/nginx/modules", "../../usr/lib64/nginx/modules"


@pytest.fixture
def deployed(release: Callable[..., PushedRelease]) -> Callable[..., PushedRelease]:
    """Make releases with the packages' files, and the link to the modules."""

    def make(body: str, modules: str = RELATIVE, **files: str) -> PushedRelease:
        folder = release(body, files={**DEPLOYED, **files}).folder
        (folder / "modules").symlink_to(modules)
        return PushedRelease(folder)

    return make


def test_an_upgrade_stops_nothing_and_breaks_nothing(rpm_host: Host, deployed: Any) -> None:
    host = rpm_host
    assert host.push(deployed("one", ABSOLUTE), confirm=True)["ok"]
    assert host.ask("status")["drift"] == []
    said = host.sh(UPGRADE.format("nginx-1.26.2") + f"; {UPGRADE.format(ODD_NAME + '-2')}")
    assert "/etc/nginx/uwsgi_params saved as /etc/nginx/uwsgi_params.rpmsave" in said

    # nginx starts again, with the modules of the package: its link is read from where the live release is.
    assert host.sh("readlink /etc/nginx/modules; ls /etc/nginx/modules") == f"{RELATIVE}\n1.26.2.so"
    host.sh("nginx -t")

    seen = host.ask("status")
    of_nginx = (
        *("conf.d/default.conf", "default.d", "default.d/new.conf", "empty.d", "fastcgi_params", "koi-utf"),
        *("mime.types.rpmnew", "modules", "nginx.conf.rpmnew", "scgi_params", "uwsgi_params", "uwsgi_params.rpmsave"),
    )
    assert (seen["drift"], seen["warnings"]) == ([], [])
    assert seen["package_drift"] == {
        **dict.fromkeys(of_nginx, "nginx"),
        "conf.d/odd name (replaced).conf": ODD_NAME,
        # The package no longer has it, and rpm put it aside.
        **dict.fromkeys(("old.conf", "old.conf.rpmsave"), "rpm"),
    }
    package = host.ask("probe", needs=[], packages=True)["package"]
    assert (package["name"], package["version"]) == ("nginx", "1.26.2-1")
    assert package["fixed"] == ["CVE-2026-1642", "CVE-2025-23419"]

    two = deployed("two")
    looked = host.ask("preflight", "r2", release=two.id, drift="adopt-package")
    assert (looked["ok"], "package drift: nginx, " in " ".join(looked["warnings"])) == (True, True), looked
    answer = host.push(two, run="r2", confirm=True, drift="adopt-package")
    assert (answer["ok"], host.body, host.sh("ls /etc/nginx/modules")) == (True, "two", "1.26.2.so")
    # What rpm made of the tree, and what it put aside, can be gone back to; the link leads there too.
    adopted = f"/var/lib/sluice/releases/{answer['before']}"
    assert host.sh(f"cd {adopted}; cat uwsgi_params.rpmsave; readlink modules") == f"# ours\n{ABSOLUTE}"
    assert host.ask("activate", "r3", release={"id": answer["before"]}, stored=True, receipt=two.receipt)["ok"]
    assert host.ask("confirm", "r3", release=answer["before"])["ok"]
    assert host.push(two, run="r4", confirm=True)["ok"]
    left = host.ask("leave", "r5")
    assert left["ok"], left["problems"]
    assert host.sh("ls /etc/nginx/modules; ls /var/lib/sluice 2>&1 || true").startswith("1.26.2.so\nls: cannot access")


def test_edits_beside_an_upgrade_are_edits(rpm_host: Host, deployed: Any) -> None:
    host = rpm_host
    files = {**packaged("1.26.1", "win-utf"), "conf.d/default.conf": ""}
    assert host.push(deployed("one", **files), confirm=True)["ok"]
    host.sh(UPGRADE.format("nginx-1.26.2"))
    # What is there, and empty, is not brought back.
    assert host.sh("cat /etc/nginx/conf.d/default.conf; ls /etc/nginx/conf.d/*.rpmnew").endswith("/default.conf.rpmnew")
    # rpm forgets which files an earlier version had, so one that went with it may be anybody's removal.
    assert host.ask("status")["drift"] == ["win-utf"]
    host.sh(
        "cd /etc/nginx; chmod 600 koi-utf; chmod 700 empty.d; echo '# mine' >> fastcgi_params; touch conf.d/mine.conf "
        "mine.conf.rpmnew; mkdir mine.d; ln -sfn /srv modules; ln -sf /srv/scgi_params scgi_params"
    )
    edited = [
        *("conf.d/mine.conf", "empty.d", "fastcgi_params", "koi-utf", "mine.conf.rpmnew", "mine.d", "modules"),
        *("scgi_params", "win-utf"),
    ]
    seen = host.ask("status")
    assert (sorted(seen["drift"]), seen["package_drift"]["uwsgi_params"]) == (edited, "nginx")
    two = deployed("two")
    assert "conf.d/mine.conf (added)" in words(host.push(two, run="r2", drift="adopt-package"))
    # A list of packages that cannot be read owns nothing, rpm says.
    host.sh("head -c 4096 /dev/urandom | dd of=/var/lib/rpm/rpmdb.sqlite conv=notrunc 2>/dev/null")
    looked = host.ask("preflight", "r2", release=two.id, drift="adopt-package")
    assert "uwsgi_params (changed)" in words(looked)
    assert "rpm cannot say what packages have changed, which so counts as an edit: error: cannot open Packages" in (
        " ".join(looked["warnings"])
    )
    assert host.push(two, run="r2", confirm=True, drift="adopt")["ok"]
    assert host.body == "two"


def test_a_removal_takes_the_link_along_and_is_one_command_away(rpm_host: Host, deployed: Any) -> None:
    host, one = rpm_host, deployed("one")
    host.push(one, confirm=True)
    host.sh("rpm -e --nodeps nginx 2>&1")
    assert host.ask("status")["drift"] == ["."]
    host.sh("rpm -i --nodeps /rpm/RPMS/nginx-1.26.2.rpm 2>&1")
    assert "it is a directory again" in words(host.ask("preflight", "r2", release=one.id, drift="adopt-package"))
    assert host.push(one, run="r2", drift="discard", confirm=True)["ok"]
    assert host.body == "one"


def test_what_is_shared_stays_where_rpm_replaces_its_link(rpm_host: Host, release: Any) -> None:
    host = rpm_host
    host.sh("echo '# shared' > /etc/nginx/uwsgi_params")
    one, two = (release(body, links={"uwsgi_params": "/var/lib/sluice/shared/uwsgi_params"}) for body in ("one", "two"))
    assert host.push(one, confirm=True)["ok"]
    host.sh(UPGRADE.format("nginx-1.26.2"))
    assert host.sh("cat /etc/nginx/uwsgi_params") == "# uwsgi_params of 1.26.2"
    seen = host.ask("status")
    assert (seen["drift"], seen["package_drift"]["uwsgi_params"]) == ([], "nginx")
    assert host.push(two, run="r2", confirm=True, drift="adopt-package")["ok"]
    assert host.sh("readlink /etc/nginx/uwsgi_params; cat /etc/nginx/uwsgi_params").endswith("\n# shared")


@pytest.mark.thorough
def test_an_rpm_that_does_not_answer_is_waited_for_once(rpm_host: Host, deployed: Any) -> None:
    host = rpm_host
    assert host.push(deployed("one"), confirm=True)["ok"]
    host.sh(UPGRADE.format("nginx-1.26.2"))
    host.sh("mv /usr/bin/rpm /usr/bin/rpm.away; printf '#!/bin/sh\nsleep 600\n' > /usr/bin/rpm; chmod 755 /usr/bin/rpm")
    began = time.monotonic()
    seen = host.ask("status")
    assert time.monotonic() - began < 60
    # What rpm put aside as it was deployed is known without asking.
    assert (set(seen["package_drift"].values()), "koi-utf" in seen["drift"]) == ({"rpm"}, True)
    assert "it did not answer within 20 s" in " ".join(seen["warnings"])
