"""The descriptions of platforms hold together."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from ansible_collections.sluice.nginx.plugins.module_utils.engine.host import known
from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError
from ansible_collections.sluice.nginx.plugins.module_utils.platforms import catalog
from ansible_collections.sluice.nginx.plugins.module_utils.platforms.catalog import (
    DISTRIBUTION,
    FOLDER,
    families,
    managers,
    origins,
    platform_named,
    releases,
    service_managers,
    sources,
)
from ansible_collections.sluice.nginx.plugins.module_utils.platforms.model import Family
from ansible_collections.sluice.nginx.plugins.module_utils.staging.build import dockerfile
from ansible_collections.sluice.nginx.plugins.module_utils.staging.recipe import after, complete

PAIRS = [
    (name, source)
    for name, (family, _) in releases().items()
    for source in sources()
    if source == DISTRIBUTION or any(source in each.channels and family in each.families for each in origins().values())
]


@pytest.mark.parametrize(("name", "source"), PAIRS)
def test_each_platform_has_a_whole_recipe(name: str, source: str) -> None:
    platform = platform_named(name, source)
    assert platform.family.packages_by in managers()
    assert set(platform.family.service_managers) <= set(service_managers())
    recipe = dockerfile(platform.release.image, platform, complete(platform, [], "1.2.3"))
    # Words that nobody has filled in; other braces are the shell's and the package managers' own.
    left = set(re.findall(r"(?<![$%])\{(\w+)\}", recipe))
    assert left == set()
    assert "1.2.3" in recipe or not platform.nginx.packages


def test_what_angie_includes_is_named_as_a_file_of_the_tree() -> None:
    angie, openresty, nginx_org = (
        after(platform_named("debian-12", each)) for each in ("angie", "openresty", "nginx.org")
    )
    assert "sed -i 's@/etc/angie/@/etc/nginx/@g' /etc/nginx/nginx.conf" in angie
    assert any("ln -s nginx.conf /etc/nginx/angie.conf" in each for each in angie)
    assert any("ln -s /etc/nginx /usr/local/openresty/nginx/conf" in each for each in openresty)
    assert not any("sed" in each for each in nginx_org)


def test_what_names_something_names_what_is_there() -> None:
    for origin in origins().values():
        assert set(origin.families) <= set(families())
        assert set(origin.otherwise) <= set(origin.families)
        assert set(origin.repositories) <= set(managers())
        for family in origin.families:
            # Without packages there is nothing to fetch.
            assert families()[family].packages_by in origin.repositories or not origin.nginx.packages


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"module": "/usr/lib64"}, "unknown key 'module'; did you mean 'modules'?"),
        ({"packages": "nginx"}, r"otherwise\.redhat\.packages: 'nginx' is not a list"),
    ],
)
def test_what_is_otherwise_on_a_family_is_read_as_the_rest(
    monkeypatch: pytest.MonkeyPatch, written: dict[str, str], words: str
) -> None:
    there = origins()["nginx_org"]
    made = {"nginx_org": replace(there, otherwise={"redhat": written})}
    monkeypatch.setattr(catalog, "origins", lambda: made)
    name = next(name for name, (family, _) in releases().items() if family == "redhat")
    with pytest.raises(InputError, match=words):
        platform_named(name, next(iter(there.channels)))


def test_hosts_know_each_service_and_binary() -> None:
    for _, source in PAIRS:
        nginx = platform_named(next(name for name, of in PAIRS if of == source), source).nginx
        assert nginx.service in known.SERVICES
        assert nginx.binary in known.BINARIES
        assert nginx.folder in known.FOLDERS


def test_a_source_that_has_no_packages_for_a_family_is_refused() -> None:
    with pytest.raises(InputError, match=r"nginx\.org has no packages for fedora-42; use distribution"):
        platform_named("fedora-42", "nginx.org")
    with pytest.raises(InputError, match=r"'nginx\.com' is no source of nginx; use distribution, angie"):
        platform_named("debian-12", "nginx.com")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"colour": "red"}, "debian.yml: unknown key 'colour'"),
        ({"releases": [{"name": "x"}]}, r"debian.yml.releases\[0\]: 'version' is missing"),
        ({"ids": "debian"}, "debian.yml.ids: 'debian' is not a list"),
    ],
)
def test_a_fault_in_a_description_names_its_place(change: dict[str, object], words: str) -> None:
    text = (FOLDER / "families/debian.yml").read_text()
    with pytest.raises(InputError, match=words):
        Family.read({**yaml.safe_load(text), **change}, "debian.yml")


def test_nothing_else_knows_a_distribution() -> None:
    """What a distribution is called, its users and folders, and its tools stand in the descriptions alone."""
    plugins = Path(FOLDER).parents[1]
    words = re.compile(r"\bwww-data\b|sites-enabled|modules-enabled|\bdnf\b|\bzypper\b|\brpm\b|\"/usr/lib/nginx")
    told = {}
    for path in plugins.rglob("*.py"):
        code = [
            line
            for line in path.read_text(encoding="utf-8").splitlines()
            if words.search(line) and not line.lstrip().startswith(("#", '"""'))
        ]
        if code and FOLDER not in path.parents:
            told[path.relative_to(plugins).as_posix()] = code
    # Examples in what people read, and what asks the package managers of hosts, where no descriptions are.
    assert told.keys() <= {
        "module_utils/engine/packages.py",
        "module_utils/engine/patches.py",
        "module_utils/lint/rules/references/include_without_match.py",
        "module_utils/lint/rules/trust/workers_run_as_root.py",
        "module_utils/lint/rules/trust/unpackaged_module.py",
        "module_utils/sites/plan.py",
        "module_utils/needs/parts/files.py",
        "module_utils/environment/production.py",
    }, told
