from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError, SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.platforms.catalog import platform_named
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.render import (
    Rendered,
    Variant,
    group,
    raw_variables,
    render,
)

Render = Callable[..., Rendered]

SITE = {"name": "shop", "server_names": ["shop.example"], "root": "/srv/shop"}
CHECK = {"get": "http://shop.example/"}


def template(text: str, values: Mapping[str, Any]) -> str:
    """Render as the module does, without the role around."""
    try:
        return str(Templar(loader=DataLoader(), variables=dict(values)).template(trust_as_template(text)))
    except AnsibleError as error:
        raise SluiceError(str(error)) from error


@pytest.fixture
def rendered(project: Path, tmp_path: Path, tree: Callable[..., trees.Tree]) -> Render:
    """Render settings over a small packaged tree; ``tmp_path`` is the user's project."""

    def run(settings: Mapping[str, Any], **variables: Any) -> Rendered:
        packaged = tree({"nginx.conf": "events {}", "mime.types": "types {}"}, "packaged")
        wanted = {"nginx_version": "1.22.1", **settings}
        return render(wanted, packaged, project / "roles/nginx/templates", template, variables, tmp_path)

    return run


@pytest.fixture
def raw(tmp_path: Path) -> Callable[[Mapping[str, str]], str]:
    """Write a raw tree into the user's project."""

    def made(files: Mapping[str, str]) -> str:
        for name, content in files.items():
            path = tmp_path / "files/nginx" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return "files/nginx"

    return made


@pytest.mark.parametrize(
    ("settings", "variants"),
    [
        ({}, []),
        ({"a": {"x": 1}}, [Variant(("a",), {"x": 1})]),
        ({"a": {"x": 1}, "b": {"x": 1}}, [Variant(("a", "b"), {"x": 1})]),
        ({"a": {"x": 1, "y": 2}, "b": {"y": 2, "x": 1}}, [Variant(("a", "b"), {"x": 1, "y": 2})]),
        (
            {"a": {"x": 1}, "b": {"x": "1"}, "c": {"x": 1}},
            [Variant(("a", "c"), {"x": 1}), Variant(("b",), {"x": "1"})],
        ),
        ({"a": {"x": [1, 2]}, "b": {"x": [2, 1]}}, [Variant(("a",), {"x": [1, 2]}), Variant(("b",), {"x": [2, 1]})]),
    ],
)
def test_hosts_with_equal_settings_are_one_variant(
    settings: Mapping[str, Mapping[str, Any]], variants: list[Variant]
) -> None:
    assert group(settings) == variants


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ({"a.conf": "{{ not_a_template }}"}, set()),
        ({"a.conf.j2": "{{ port }} {% for name in names %}{{ name }}{% endfor %}"}, {"port", "names"}),
        ({"a.j2": "{{ a }}", "deep/b.j2": "{{ b.c | default(d) }}"}, {"a", "b", "d"}),
        ({"a.j2": "{% set x = y %}{{ x }}"}, {"y"}),
    ],
)
def test_the_variables_of_a_raw_tree(
    raw: Callable[[Mapping[str, str]], str], tmp_path: Path, files: Mapping[str, str], names: set[str]
) -> None:
    assert raw_variables(tmp_path / raw(files)) == names


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"ok\n{{ broken\n", "a.conf.j2:2: "),
        (b"{% if x %}", "a.conf.j2:1: "),
        (b"\xff", "a.conf.j2 is not UTF-8, so it cannot be a template; rename it without .j2"),
    ],
)
def test_a_template_that_cannot_be_read_is_told_with_its_line(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "a.conf.j2").write_bytes(data)
    with pytest.raises(SluiceError) as refused:
        raw_variables(tmp_path)
    assert words in str(refused.value)


def test_raw_files_win_over_typed_ones_and_those_over_packaged_ones(
    rendered: Render, raw: Callable[[Mapping[str, str]], str]
) -> None:
    folder = raw({"sites-enabled/shop.conf": "# mine", "conf.d/port.conf.j2": "# port {{ port }}"})
    done = rendered({"nginx_sites": [SITE], "nginx_tree": folder + "/"}, port=8080)
    assert done.tree["mime.types"].origin == "packaged/mime.types"
    assert done.tree["nginx.conf"].origin == "roles/nginx/templates/nginx.conf.j2"
    assert done.tree["sites-enabled/shop.conf"] == trees.file(b"# mine", "files/nginx/sites-enabled/shop.conf")
    assert done.tree["conf.d/port.conf"] == trees.file(b"# port 8080", "files/nginx/conf.d/port.conf.j2")
    assert "conf.d/port.conf.j2" not in done.tree


def test_without_sites_and_raw_tree_the_packaged_tree_stays(rendered: Render) -> None:
    assert {path: node.data for path, node in rendered({}).tree.items()} == {
        "nginx.conf": b"events {}",
        "mime.types": b"types {}",
    }


def test_a_template_keeps_its_executable_bit_and_bytes(
    rendered: Render, raw: Callable[[Mapping[str, str]], str], tmp_path: Path
) -> None:
    folder = raw({"binary": "", "run.sh.j2": "{{ word }}\n"})
    (tmp_path / folder / "binary").write_bytes(b"\xff{{ no }}\x00")
    (tmp_path / folder / "run.sh.j2").chmod(0o700)
    tree = rendered({"nginx_tree": folder}, word="ü").tree
    assert tree["binary"].data == b"\xff{{ no }}\x00"
    assert (tree["run.sh"].mode, tree["run.sh"].data.decode().strip()) == (0o755, "ü")


def test_the_same_settings_give_the_same_tree(rendered: Render) -> None:
    settings = {"nginx_sites": [SITE], "nginx_shared_paths": ["ssl"]}
    assert rendered(settings) == rendered(dict(reversed(settings.items())))


def test_kept_paths_are_links_to_what_outlives_releases(rendered: Render) -> None:
    done = rendered({"nginx_shared_paths": ["ssl/", "conf.d/htpasswd", "mime.types"]})
    links = {path: node.data for path, node in done.tree.items() if node.kind == "link"}
    kept = ("conf.d/htpasswd", "mime.types", "ssl")
    assert links == {path: f"/var/lib/sluice/shared/{path}".encode() for path in kept}
    assert done.shared == kept


def test_the_contract_is_that_of_all_sites_and_of_the_raw_tree(rendered: Render) -> None:
    done = rendered({"nginx_sites": [{**SITE, "checks": [CHECK]}], "nginx_checks": [{**CHECK, "name": "raw"}]})
    assert [(check.name, check.site, check.source) for check in done.contract] == [
        ("GET http://shop.example/", "shop", "nginx_sites[0].checks[0]"),
        ("raw", "", "nginx_checks[0]"),
    ]
    assert [row["source"] for row in done.contract_json()] == ["nginx_sites[0].checks[0]", "nginx_checks[0]"]


@pytest.mark.parametrize(
    ("settings", "files", "words"),
    [
        (
            {"nginx_tree": "nowhere"},
            {},
            "nginx_tree: PROJECT/nowhere does not exist; name a directory that is laid over /etc/nginx",
        ),
        (
            {"nginx_tree": "files/nginx/a.conf"},
            {"a.conf": ""},
            "nginx_tree: PROJECT/files/nginx/a.conf is no directory; name a directory that is laid over /etc/nginx",
        ),
        (
            {"nginx_tree": "."},
            {},
            "nginx_tree: PROJECT is empty; put nginx configuration files in it, or unset nginx_tree",
        ),
        (
            {"nginx_tree": "files/nginx"},
            {"a.conf": "", "a.conf.j2": ""},
            "nginx_tree: PROJECT/files/nginx has both a.conf and a.conf.j2; keep one of them",
        ),
        (
            {"nginx_tree": "files/nginx"},
            {"a.conf.j2": "listen {{ shop_port }};"},
            "nginx_tree: files/nginx/a.conf.j2 cannot be rendered: ",
        ),
        ({"nginx_tree": "files/nginx"}, {"a.conf.j2": "{{ shop_port }}"}, "'shop_port' is undefined"),
        (
            {"nginx_tree": "files/nginx"},
            {"mime.types/x": ""},
            "mime.types is a file in packaged/mime.types and a dir in files/nginx/mime.types; "
            "a release can have only one of them",
        ),
        (
            {"nginx_shared_paths": ["/etc/ssl"]},
            {},
            "nginx_shared_paths[0]: '/etc/ssl' is not a path inside /etc/nginx; write it as",
        ),
        (
            {"nginx_shared_paths": ["ssl", "../ssl"]},
            {},
            "nginx_shared_paths[1]: '../ssl' is not a path inside /etc/nginx",
        ),
        ({"nginx_shared_paths": [""]}, {}, "nginx_shared_paths[0]: '' is not a path inside /etc/nginx"),
        ({"nginx_shared_paths": ["ssl//a"]}, {}, "nginx_shared_paths[0]: 'ssl//a' is not a path inside /etc/nginx"),
        ({"nginx_shared_paths": ["./ssl"]}, {}, "nginx_shared_paths[0]: './ssl' is not a path inside /etc/nginx"),
        (
            {"nginx_shared_paths": ["ssl", "ssl/a"]},
            {},
            "ssl is a link in nginx_shared_paths[0] and a directory in nginx_shared_paths[1]",
        ),
        ({"nginx_sites": [{**SITE, "rot": "/x"}]}, {}, "nginx_sites[0]"),
        ({"nginx_sites": [{**SITE, "checks": [{}]}]}, {}, "nginx_sites[0].checks[0]: asks for nothing"),
        ({"nginx_checks": [{"get": "/"}]}, {}, "nginx_checks[0].get: '/' is not a whole URL"),
    ],
)
def test_what_cannot_be_rendered_is_told_in_words(
    rendered: Render,
    raw: Callable[[Mapping[str, str]], str],
    tmp_path: Path,
    settings: Mapping[str, Any],
    files: Mapping[str, str],
    words: str,
) -> None:
    raw(files)
    with pytest.raises(SluiceError) as refused:
        rendered(settings)
    assert words in str(refused.value).replace(str(tmp_path), "PROJECT")


def test_a_wrong_variable_is_named_by_its_path(rendered: Render) -> None:
    with pytest.raises(InputError) as refused:
        rendered({"nginx_tree": "nowhere"})
    assert refused.value.path == "nginx_tree"


def test_a_tree_called_packaged_is_not_taken_for_the_distributions(rendered: Render, tmp_path: Path) -> None:
    (tmp_path / "packaged").mkdir()
    (tmp_path / "packaged/x.conf").write_text("user root;")
    for name in ("packaged", "packaged/"):
        assert rendered({"nginx_tree": name}).tree["x.conf"].origin == "./packaged/x.conf"


@pytest.mark.parametrize("name", [".j2", "conf.d/.j2"])
def test_a_template_without_a_name_is_refused(
    rendered: Render, raw: Callable[[Mapping[str, str]], str], name: str
) -> None:
    with pytest.raises(InputError, match="is a template without a name"):
        rendered({"nginx_tree": raw({name: "x"})})


def test_the_workers_group_is_written_where_it_has_another_name(rendered: Render) -> None:
    layout = dataclasses.asdict(platform_named("debian-12", "openresty").nginx)
    for given, expected in (({}, "user www-data;"), ({"nginx_layout": layout}, "user nobody nogroup;")):
        made = rendered({"nginx_sites": [SITE], **given})
        assert expected in made.tree["nginx.conf"].data.decode().splitlines()
