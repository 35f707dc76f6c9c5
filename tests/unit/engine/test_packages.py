"""What packages change below /etc/nginx is told apart from what people change, and shared paths are taken over."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import md5
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.system import System
from ansible_collections.sluice.nginx.plugins.module_utils.engine.packages import find_packages, package_drift
from ansible_collections.sluice.nginx.plugins.module_utils.engine.session import Session
from ansible_collections.sluice.nginx.plugins.module_utils.engine.store import Layout
from ansible_collections.sluice.nginx.plugins.module_utils.engine.trees import installed
from ansible_collections.sluice.nginx.plugins.module_utils.engine.trees.drift import (
    Drift,
    drift,
    drift_problem,
    sorted_drift,
)
from ansible_collections.sluice.nginx.plugins.module_utils.engine.trees.live import point
from ansible_collections.sluice.nginx.plugins.module_utils.manifest import PathDifference, compare, read_tree
from tests.unit.engine.simulation.host import SimulatedHost
from tests.unit.engine.simulation.releases import release
from tests.unit.engine.simulation.work import confirm, deploy, push

MIME = "types { text/html html; }\n"
STATUS = """\
Package: nginx-common
Status: install ok installed
Conffiles:
 /etc/nginx/mime.types {mime}
 /etc/nginx/fastcgi.conf {mime}
 /etc/nginx/gone.conf {mime} obsolete
 /etc/nginx/sites-available/default {mime}
Description: x

Package: libc6
Conffiles:
 /etc/ld.so.conf 00000000000000000000000000000000
"""


@pytest.fixture
def session(tmp_path: Path) -> Session:
    session = Session(System(), Layout(tmp_path / "sluice", tmp_path / "etc/nginx"), {"id": "r1"})
    with session.store.lock(session.run, "test"):
        pass
    session.layout.conf.mkdir(parents=True)
    (session.layout.conf / "nginx.conf").write_text("events {}\n", encoding="utf-8")
    return session


def debian(root: Path, module: bool = True) -> Path:
    """Make the files of dpkg, and return ``/etc/nginx``."""
    (root / "var/lib/dpkg/info").mkdir(parents=True)
    told = STATUS.format(mime=md5(MIME.encode()).hexdigest())
    (root / "var/lib/dpkg/status").write_text(told, encoding="utf-8")
    available = root / "usr/share/nginx/modules-available/mod-http-echo.conf"
    if module:
        available.parent.mkdir(parents=True)
        available.write_text("load_module modules/ngx_http_echo_module.so;\n", encoding="utf-8")
        (root / "var/lib/dpkg/info/libnginx-mod-http-echo.md5sums").write_text(
            f"{'0' * 32}  usr/share/nginx/modules-available/mod-http-echo.conf\n", encoding="utf-8"
        )
    conf = root / "etc/nginx"
    for folder in ("modules-enabled", "sites-enabled", "sites-available"):
        (conf / folder).mkdir(parents=True)
    (conf / "mime.types").write_text("old", encoding="utf-8")
    return conf


def test_a_host_without_packages_has_no_drift_of_theirs(tmp_path: Path) -> None:
    assert package_drift([PathDifference("mime.types", "changed")], [], tmp_path, find_packages(tmp_path)) == {}


@pytest.mark.parametrize(
    ("path", "text", "whose"),
    [
        ("mime.types", MIME, "nginx-common"),
        ("mime.types", MIME + "# mine\n", ""),
        ("fastcgi.conf.dpkg-dist", "anything", "nginx-common"),
        ("fastcgi.conf.dpkg-old", "anything", "nginx-common"),
        ("fastcgi.conf.ucf-dist", "anything", "nginx-common"),
        ("sites-available/default", MIME, "nginx-common"),
        ("sites-enabled/default.dpkg-dist", "anything", ""),
        ("mine.conf.dpkg-dist", "anything", ""),
        ("gone.conf", MIME, ""),
        ("mine.conf", MIME, ""),
    ],
)
def test_a_file_is_the_packages_where_it_is_what_the_package_brings(
    tmp_path: Path, path: str, text: str, whose: str
) -> None:
    conf = debian(tmp_path)
    before = read_tree(conf)
    (conf / path).write_text(text, encoding="utf-8")
    now = compare(before, read_tree(conf))
    assert [each.path for each in now] == [path]
    assert package_drift(now, before, conf, find_packages(tmp_path)) == ({path: whose} if whose else {})


@pytest.mark.parametrize("folder", ["usr/local/openresty/nginx/conf", "etc/angie"])
def test_packages_that_know_the_folder_by_another_name_have_drift_too(tmp_path: Path, folder: str) -> None:
    conf = debian(tmp_path)
    status = tmp_path / "var/lib/dpkg/status"
    told = STATUS.replace("/etc/nginx/", f"/{folder}/").replace("nginx-common", "theirs")
    # Angie's file has a name of its own, which docs/platforms.md makes a link of.
    told = told.replace("/fastcgi.conf", "/angie.conf")
    status.write_text(told.format(mime=md5(MIME.encode()).hexdigest()), encoding="utf-8")
    (conf / "nginx.conf").write_text("old", encoding="utf-8")
    (conf / "angie.conf").symlink_to("nginx.conf")
    before = read_tree(conf)
    for name in ("mime.types", "nginx.conf", "nginx.conf.dpkg-dist", "mine.conf"):
        (conf / name).write_text(MIME, encoding="utf-8")
    changed = compare(before, read_tree(conf))
    # Somebody else's folder of that name is none of nginx's.
    (tmp_path / folder).mkdir(parents=True)
    assert package_drift(changed, before, conf, find_packages(tmp_path)) == {}
    (tmp_path / folder).rmdir()
    (tmp_path / folder).symlink_to(conf)
    of_package = ("mime.types", "nginx.conf", "nginx.conf.dpkg-dist")
    assert package_drift(changed, before, conf, find_packages(tmp_path)) == dict.fromkeys(of_package, "theirs")


def test_folders_that_an_upgrade_brings_are_the_packages(tmp_path: Path) -> None:
    conf = debian(tmp_path)
    listed = "/.\n/etc\n/etc/nginx\n/etc/nginx/conf.d\n/etc/nginx/link.d\n/etc/nginx/mime.types\n"
    (tmp_path / "var/lib/dpkg/info/nginx-common.list").write_text(listed, encoding="utf-8")
    before = read_tree(conf)
    for name in ("conf.d", "mine.d"):
        (conf / name).mkdir()
    (conf / "link.d").symlink_to("conf.d")
    (conf / "conf.d/mine.conf").touch()
    found = package_drift(compare(before, read_tree(conf)), before, conf, find_packages(tmp_path))
    assert found == {"conf.d": "nginx-common"}


def test_what_dpkg_has_just_configured_is_known_while_it_is_at_work(tmp_path: Path) -> None:
    conf = debian(tmp_path)
    before = read_tree(conf)
    new = "types { text/html htm; }\n"
    (conf / "mime.types").write_text(new, encoding="utf-8")
    now = compare(before, read_tree(conf))
    updates = tmp_path / "var/lib/dpkg/updates"
    updates.mkdir()
    for name, text in {"0001": "other", "0002": new, "tmp.i": "other"}.items():
        told = STATUS.format(mime=md5(text.encode()).hexdigest())
        (updates / name).write_text(told.partition("\n\n")[0] + "\n", encoding="utf-8")
    assert package_drift(now, before, conf, find_packages(tmp_path)) == {"mime.types": "nginx-common"}


def test_a_mode_that_dpkg_never_changes_was_changed_by_somebody(tmp_path: Path) -> None:
    conf = debian(tmp_path)
    (conf / "mime.types").write_text(MIME, encoding="utf-8")
    before = read_tree(conf)
    (conf / "mime.types").chmod(0o600)
    now = compare(before, read_tree(conf))
    assert [each.path for each in now] == ["mime.types"]
    assert package_drift(now, before, conf, find_packages(tmp_path)) == {}


def test_a_link_to_a_module_comes_with_its_package_and_goes_with_it(tmp_path: Path) -> None:
    conf = debian(tmp_path)
    name, target = "modules-enabled/50-mod-http-echo.conf", "/usr/share/nginx/modules-available/mod-http-echo.conf"
    without = read_tree(conf)
    (conf / name).symlink_to(target)
    with_it = read_tree(conf)
    known = find_packages(tmp_path)
    assert package_drift(compare(without, with_it), without, conf, known) == {name: "libnginx-mod-http-echo"}
    # Somebody removed the link alone: the module is still there.
    assert package_drift(compare(with_it, without), with_it, conf, known) == {}
    (tmp_path / target.lstrip("/")).unlink()
    assert package_drift(compare(with_it, without), with_it, conf, find_packages(tmp_path)) == {name: "dpkg"}


def test_a_link_to_somebodys_own_module_is_no_packages(tmp_path: Path) -> None:
    conf = debian(tmp_path)
    before = read_tree(conf)
    (conf / "modules-enabled/90-own.conf").symlink_to("/opt/own.conf")
    assert package_drift(compare(before, read_tree(conf)), before, conf, find_packages(tmp_path)) == {}


@pytest.mark.parametrize(
    ("policy", "own", "package", "stops"),
    [
        ("adopt-package", False, True, False),
        ("adopt-package", True, True, True),
        ("adopt-package", True, False, True),
        ("refuse", False, True, True),
        ("refuse", False, False, False),
        ("adopt", True, True, False),
        ("discard", True, True, False),
    ],
)
def test_what_stops_a_deployment(policy: str, own: bool, package: bool, stops: bool) -> None:
    edits = [PathDifference("nginx.conf", "changed")] if own else []
    assert Drift(edits, {"mime.types": "nginx-common"} if package else {}, [], []).stops(policy) is stops


def test_a_shared_path_that_was_replaced_is_taken_over(session: Session) -> None:
    layout = session.layout
    (layout.conf / "htpasswd").write_text("ada:x\n", encoding="utf-8")
    installed.keep(session, ["htpasswd"])
    (layout.conf / "htpasswd").unlink()
    (layout.conf / "htpasswd").symlink_to(layout.shared / "htpasswd")
    state = live(session)
    place = layout.conf / "htpasswd"
    place.with_name("new").write_text("ada:x\ngrace:y\n", encoding="utf-8")
    os.replace(place.with_name("new"), place)
    found = sorted_drift(session, state, drift(session, state))
    assert (found.own, dict(found.package), list(found.shared)) == ([], {}, ["htpasswd"])
    assert not found.stops("refuse")
    installed.take_over(session, found.shared)
    assert drift(session, state) == []
    assert place.is_symlink()
    assert place.read_text(encoding="utf-8") == "ada:x\ngrace:y\n"


def test_what_is_shared_stays_where_rpm_put_its_link_aside(session: Session) -> None:
    """As a package with %config does; the file is its next version."""
    layout = session.layout
    (layout.conf / "htpasswd").write_text("ada:x\n", encoding="utf-8")
    installed.keep(session, ["htpasswd"])
    (layout.conf / "htpasswd").unlink()
    (layout.conf / "htpasswd").symlink_to(layout.shared / "htpasswd")
    state = live(session)
    (layout.conf / "htpasswd").rename(layout.conf / "htpasswd.rpmsave")
    (layout.conf / "htpasswd").write_text("# of the package\n", encoding="utf-8")
    assert list(sorted_drift(session, state, drift(session, state)).shared) == []


def test_a_shared_folder_that_was_replaced_is_taken_over(session: Session) -> None:
    layout = session.layout
    (layout.conf / "tls").mkdir()
    (layout.conf / "tls/a.pem").write_text("old", encoding="utf-8")
    installed.keep(session, ["tls"])
    session.system.remove(layout.conf / "tls")
    (layout.conf / "tls").symlink_to(layout.shared / "tls")
    state = live(session)
    (layout.conf / "tls").unlink()
    (layout.conf.resolve() / "tls").mkdir()
    (layout.conf / "tls/b.pem").write_text("new", encoding="utf-8")
    found = sorted_drift(session, state, drift(session, state))
    assert (found.own, list(found.shared)) == ([], ["tls"])
    installed.take_over(session, found.shared)
    assert drift(session, state) == []
    assert sorted(os.listdir(layout.shared / "tls")) == ["b.pem"]


def test_edits_of_certbots_plugin_are_known_and_asked_about(session: Session) -> None:
    state = live(session)
    site = session.layout.conf / "nginx.conf"
    site.write_text("events {}\nhttp { server {\n    listen 443 ssl; # managed by Certbot\n} }\n", encoding="utf-8")
    found = sorted_drift(session, state, drift(session, state))
    assert list(found.certbot) == ["nginx.conf"]
    problem = drift_problem(session, state, found)
    assert problem.fix.startswith("certbot's nginx plugin has edited nginx.conf. To keep HTTPS, write its lines")
    assert "-e rollout_drift=discard takes its lines away, and HTTPS with them" in problem.fix


def live(session: Session) -> dict[str, object]:
    """Adopt what is there, and make it live."""
    state = installed.adopt(session, session.store.load(), {})
    point(session, state["live"])
    return dict(state)


def upgrade(host: SimulatedHost) -> Path:
    """Have a package bring another conf.d/site.conf, through the link, and leave a version beside it."""
    place = host.layout.conf / "conf.d/site.conf"
    place.write_text(place.read_text(encoding="utf-8") + "# of the package\n", encoding="utf-8")
    place.with_name("site.conf.dpkg-dist").write_text("", encoding="utf-8")
    (host.root / "var/lib/dpkg/info").mkdir(parents=True)
    told = f"Package: nginx-common\nConffiles:\n /etc/nginx/conf.d/site.conf {md5(place.read_bytes()).hexdigest()}\n"
    (host.root / "var/lib/dpkg/status").write_text(told, encoding="utf-8")
    return place


def test_an_upgrade_of_a_package_stops_no_deployment(new_host: Callable[..., SimulatedHost]) -> None:
    host = new_host()
    deploy(host, "one")
    place = upgrade(host)
    seen = host.ask_engine("status", "look")
    assert seen["drift"] == []
    assert seen["package_drift"] == {
        "conf.d/site.conf": "nginx-common",
        "conf.d/site.conf.dpkg-dist": "nginx-common",
    }
    looked = host.ask_engine("preflight", "r2", release=release("two").id, drift="adopt-package")
    assert looked["problems"] == []
    assert any(each.startswith("package drift: nginx-common changed conf.d/site.conf") for each in looked["warnings"])
    (problem,) = host.ask_engine("preflight", "r2", release=release("two").id, drift="refuse")["problems"]
    assert problem["what"] == "packages of the host have changed the live tree since it was deployed (package drift)"
    kept = place.read_bytes()
    answer = push(host, "r2", "two", drift="adopt-package")
    assert answer["ok"], answer["problems"]
    assert confirm(host, "r2", "two")["ok"]
    # What the package made of it can be gone back to.
    assert (host.layout.release(answer["before"]) / "conf.d/site.conf").read_bytes() == kept


def test_an_edit_beside_an_upgrade_stops_it(new_host: Callable[..., SimulatedHost]) -> None:
    host = new_host()
    deploy(host, "one")
    upgrade(host)
    (host.layout.conf / "nginx.conf").write_text("# mine", encoding="utf-8")
    answer = push(host, "r2", "two", drift="adopt-package")
    assert not answer["ok"]
    assert answer["problems"][0]["actual"] == (
        "nginx.conf (changed), conf.d/site.conf (by nginx-common), conf.d/site.conf.dpkg-dist (by nginx-common)"
    )
