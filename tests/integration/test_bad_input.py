"""Bad input gets a sentence: what a person reads who wrote, named or forgot something, and that no host was asked.

All hosts of one inventory have something wrong, each something else, so that one run of the gates tells of all of them.
A registry that does not answer is in tests/unit/staging/test_build.py.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.run_record import open_run
from ansible_collections.sluice.nginx.plugins.module_utils.staging import connection

pytestmark = pytest.mark.integration

SITE = {
    "name": "shop",
    "server_names": ["shop.example"],
    "routes": [{"path": "/", "return": {"code": 200, "body": "shop"}}],
}
GET = "http://shop.example/"

# What a host has for variables, and the words that a person reads. {trees} is a folder with the trees below.
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown_key_of_a_site": (
        {"nginx_sites": [{"name": "shop", "server_names": ["shop.example"], "rutes": []}]},
        "spec: nginx_sites[0]: unknown key 'rutes'; did you mean 'routes'?",
    ),
    "unknown_key_of_a_route": (
        {
            "nginx_sites": [
                {"name": "shop", "server_names": ["shop.example"], "routes": [{"path": "/", "proxi": "api"}]}
            ]
        },
        "spec: nginx_sites[0].routes[0]: unknown key 'proxi'; did you mean 'proxy'?",
    ),
    "sites_are_no_list": (
        {"nginx_sites": {"name": "shop"}},
        "spec: nginx_sites: a mapping is not a list; write [..] or one '- ..' for each item",
    ),
    "a_number_is_none": (
        {"nginx_worker_connections": "many"},
        "spec: nginx_worker_connections: 'many' is not a whole number from 1 to 1000000",
    ),
    "status_is_none": (
        {"nginx_checks": [{"get": GET, "expect": {"status": "ok"}}]},
        "spec: nginx_checks[0].expect.status: 'ok' is not a status; use 200, [200, 204] or 2xx",
    ),
    "unknown_expectation": (
        {"nginx_checks": [{"get": GET, "expect": {"code": 200}}]},
        "spec: nginx_checks[0].expect: unknown key 'code'; use status, location, headers, body, upstream, max_ms",
    ),
    "body_is_no_pattern": (
        {"nginx_checks": [{"get": GET, "expect": {"body": "/(/"}}]},
        "spec: nginx_checks[0].expect.body: '/(/' is not a regular expression: missing ), unterminated subpattern",
    ),
    "check_without_request": (
        {"nginx_checks": [{"name": "nothing"}]},
        "spec: nginx_checks[0]: asks for nothing; add a request such as `get: http://host/path`",
    ),
    "check_without_host": (
        {"nginx_checks": [{"get": "/orders"}]},
        "spec: nginx_checks[0].get: '/orders' is not a whole URL; use http://host/path or https://host/path",
    ),
    "checks_are_no_list": (
        {"nginx_checks": {"get": GET}},
        "spec: nginx_checks: {{'get': 'http://shop.example/'}} is not a list of checks",
    ),
    "tree_is_missing": (
        {"nginx_tree": "{trees}/nowhere"},
        "spec: nginx_tree: {trees}/nowhere does not exist; name a directory that is laid over /etc/nginx",
    ),
    "tree_is_empty": (
        {"nginx_tree": "{trees}/nothing"},
        "spec: nginx_tree: {trees}/nothing is empty; put nginx configuration files in it, or unset nginx_tree",
    ),
    "tree_is_a_file": (
        {"nginx_tree": "{trees}/a-file"},
        "spec: nginx_tree: {trees}/a-file is no directory; name a directory that is laid over /etc/nginx",
    ),
    "tree_has_a_file_twice": (
        {"nginx_tree": "{trees}/twice"},
        "spec: nginx_tree: {trees}/twice has both conf.d/a.conf and conf.d/a.conf.j2; keep one of them",
    ),
    "template_reads_what_nobody_set": (
        {"nginx_tree": "{trees}/undefined"},
        "spec: nginx_tree: {trees}/undefined/conf.d/a.conf.j2 cannot be rendered: 'shop_name' is undefined",
    ),
    "kept_path_leads_out": (
        {"nginx_shared_paths": ["/etc/ssl/shop.pem"]},
        "spec: nginx_shared_paths[0]: '/etc/ssl/shop.pem' is not a path inside /etc/nginx; write it as 'ssl' or",
    ),
    "tree_without_nginx_conf": (
        {"nginx_shared_paths": ["nginx.conf"]},
        "parse: the release has no nginx.conf: it leads to /var/lib/sluice/shared/nginx.conf, and nginx has nothing to",
    ),
    "file_is_binary": (
        {"nginx_tree": "{trees}/binary"},
        "parse: conf.d/a.conf is binary, and nginx reads text",
    ),
    "file_ends_too_early": (
        {"nginx_tree": "{trees}/unclosed"},
        'parse: unexpected end of file, expecting "}}"\n    at        conf.d/a.conf:2 ({trees}/unclosed/conf.d/a.conf)',
    ),
    "nothing_to_ask": (
        {"nginx_tree": "{trees}/empty-file"},
        "no request could be made: there is no contract, and nothing that listens to derive",
    ),
}

TREES: dict[str, bytes] = {
    "a-file": b"",
    "twice/conf.d/a.conf": b"",
    "twice/conf.d/a.conf.j2": b"",
    "undefined/conf.d/a.conf.j2": b"server { listen 80; server_name {{ shop_name }}; }\n",
    "binary/conf.d/a.conf": bytes(range(256)) * 40,
    "unclosed/conf.d/a.conf": b"server {\n    listen 80;\n",
    "empty-file/conf.d/a.conf": b"",
}


def inventory(path: Path, hosts: dict[str, dict[str, Any]], group: str = "web") -> Path:
    path.write_text(yaml.safe_dump({group: {"hosts": hosts}}))
    return path


@pytest.fixture(scope="module")
def told(play: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """What the gates print for the hosts above, and the folder of trees."""
    folder = tmp_path_factory.mktemp("bad")
    trees = folder / "trees"
    (trees / "nothing").mkdir(parents=True)
    for name, content in TREES.items():
        (trees / name).parent.mkdir(parents=True, exist_ok=True)
        (trees / name).write_bytes(content)
    text = json.dumps({name: variables for name, (variables, _) in WRONG.items()}).replace("{trees}", str(trees))
    hosts = inventory(folder / "hosts.yml", json.loads(text))
    return play("playbooks/gate.yml", "-i", str(hosts), "-e", "gates_probe=false"), trees


@pytest.mark.parametrize("name", WRONG)
def test_each_gets_its_sentence(told: tuple[Any, Path], name: str) -> None:
    done, trees = told
    mine = done.output.partition(f" for {name}\n")[2].partition("\ngates of release")[0]
    assert WRONG[name][1].format(trees=trees) in mine, mine


def test_all_are_told_in_one_run(told: tuple[Any, Path]) -> None:
    done, _ = told
    assert done.code == 2
    assert f"{len(WRONG)} of {len(WRONG)} releases did not pass the gates; no host was touched" in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("group", "variables", "arguments", "environment", "words"),
    [
        (
            "servers",
            {},
            [],
            {},
            "the inventory has no host in a group 'web', whose hosts get a release; its groups: servers",
        ),
        (
            "web",
            {"nginx_http_lines": ["# {{ nobody_set_this }}"]},
            [],
            {},
            "the variables of host1 cannot be read: 'nobody_set_this' is undefined",
        ),
        (
            "web",
            {"nginx_sites": [SITE]},
            ["-e", "gates_path=gates/nowhere"],
            {},
            "gates/nowhere is no directory; name a folder with one Python file for each gate of your own",
        ),
        (
            "web",
            {},
            [],
            {"DOCKER_HOST": "unix:///nowhere/docker.sock"},
            "Docker does not answer at unix:///nowhere/docker.sock (from DOCKER_HOST)",
        ),
    ],
    ids=["no_group_web", "undefined_variable", "unknown_folder_of_gates", "no_docker"],
)
def test_what_concerns_the_whole_run(
    play: Callable[..., Any],
    tmp_path: Path,
    group: str,
    variables: dict[str, Any],
    arguments: list[str],
    environment: dict[str, str],
    words: str,
) -> None:
    hosts = inventory(tmp_path / "hosts.yml", {"host1": variables}, group)
    done = play("deploy.yml", "-i", str(hosts), *arguments, **environment)
    assert done.code == 2, done.output
    assert words in " ".join(done.output.split()), done.output
    assert "rollout" not in done.output


def test_a_user_without_rights_on_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise docker.errors.DockerException("Permission denied")

    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(docker, "from_env", refuse)
    monkeypatch.setattr(os.path, "exists", lambda path: True)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(SluiceError, match=r"may not talk to Docker.*sudo usermod -aG docker \$USER"):
        connection.connect()


def test_a_user_who_may_not_write_the_record(tmp_path: Path) -> None:
    # A file where the folder is to be refuses root as well.
    (tmp_path / "runs").touch()
    with pytest.raises(
        SluiceError, match=rf"cannot be written to {tmp_path}/runs/.*give this user the folder {tmp_path}/runs"
    ):
        open_run(tmp_path / "runs")


@pytest.mark.parametrize("lines", [100_000, pytest.param(1_000_000, marks=pytest.mark.thorough)])
def test_very_many_lines_without_a_contract(play: Callable[..., Any], tmp_path: Path, lines: int) -> None:
    conf = tmp_path / "tree/conf.d"
    conf.mkdir(parents=True)
    (conf / "a.conf").write_text("#\n" * lines)
    (conf / "b.conf").write_text(
        "server_tokens off;\nserver {\n    listen 80;\n    server_name big.example;\n"
        '    location / {\n        return 200 "big";\n    }\n}\n'
    )
    hosts = inventory(tmp_path / "hosts.yml", {"host1": {"nginx_tree": str(tmp_path / "tree")}})
    began = time.monotonic()
    done = play("playbooks/gate.yml", "-i", str(hosts), "-e", "gates_probe=false")
    assert time.monotonic() - began < 120
    assert done.code == 0, done.output
    assert "1 derived checks hold; there is no contract: write nginx_checks" in done.output
