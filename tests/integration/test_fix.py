"""A repository whose change is misspelt: fix.yml fixes the user's file, once the gates have passed the fixed one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.commands import Ended, run_playbook

pytestmark = pytest.mark.integration

GOOD = """\
server {
    listen 80;
    server_name shop.example;
    location / { return 200 'shop'; }
}
"""
BAD = GOOD.replace("server_name", "server_nmae").replace("listen", "\tlisten")
SITE = "files/nginx/sites-enabled/shop.conf"


class Repository:
    """A folder with an inventory of one host that nobody asks, and a tree of nginx's files."""

    def __init__(self, project: Path, root: Path) -> None:
        self.root = root
        self.site = root / SITE
        sandbox = yaml.safe_load((project / "inventories/sandbox/group_vars/all.yml").read_text())
        checks = [{"get": "http://shop.example/", "expect": {"body": "shop"}}]
        names = ("staging_platform", "staging_packages")
        variables = {
            **{name: sandbox[name] for name in names},
            "nginx_tree": "files/nginx",
            "nginx_checks": checks,
            "gates_probe": False,
            # Whose line it is takes a while, and is told elsewhere.
            "gates_culprit": False,
        }
        hosts = {"web": {"hosts": {"web1": {"ansible_host": "127.0.0.1"}}, "vars": variables}}
        (root / "inventory.yml").write_text(json.dumps(hosts))
        (root / "ansible.cfg").write_text(
            "[defaults]\ninventory = inventory.yml\nstdout_callback = sluice.nginx.brief\n"
        )
        self.site.parent.mkdir(parents=True)

    def play(self, name: str, *arguments: str) -> Ended:
        environment = {"ANSIBLE_CONFIG": str(self.root / "ansible.cfg"), "NO_COLOR": "1"}
        return run_playbook(self.root, f"sluice.nginx.{name}", *arguments, environment=environment)


@pytest.fixture
def repository(project: Path, tmp_path: Path) -> Repository:
    return Repository(project, tmp_path)


def test_a_misspelt_directive_is_fixed_in_the_file_of_the_user(repository: Repository) -> None:
    repository.site.write_text(BAD)
    code, output = repository.play("gate")
    assert code == 2, output
    assert "FAILED: 1 of 1 releases did not pass the gates; no host was touched" in output
    (sarif,) = repository.root.glob(".sluice/runs/*/findings.sarif")
    fixes = [each["fixes"] for each in json.loads(sarif.read_text())["runs"][0]["results"] if "fixes" in each]
    (change,) = fixes[0][0]["artifactChanges"]
    assert change["artifactLocation"]["uri"] == SITE
    assert change["replacements"][0]["insertedContent"] == {"text": "    server_name shop.example;"}

    code, output = repository.play("fix", "--check", "--diff")
    assert code == 0, output
    assert f"{SITE}:3: would write server_name shop.example;" in output
    assert "-    server_nmae shop.example;\n+    server_name shop.example;" in output
    assert "every gate passes with the fixes" in output
    assert repository.site.read_text() == BAD
    mode = repository.site.stat().st_mode

    code, output = repository.play("fix")
    assert code == 0, output
    assert repository.site.read_text() == BAD.replace("server_nmae", "server_name")
    assert repository.site.stat().st_mode == mode
    assert not list(repository.root.glob(".sluice/fixes-*")), "what was only tried is gone"

    code, output = repository.play("fix")
    assert code == 2, "the files are others now"
    assert "the files have changed since run" in output


# tests/unit/fixes has it in every run.
@pytest.mark.thorough
def test_a_template_is_out_of_reach_and_its_place_is_named(repository: Repository) -> None:
    template = repository.site.with_name("shop.conf.j2")
    template.write_text("{# a shop #}\n" + BAD)
    assert repository.play("gate")[0] == 2
    code, output = repository.play("fix")
    assert code == 0, output
    assert (
        f"is rendered from the template {SITE}.j2; correct it there; it would be: server_name shop.example;" in output
    )
    assert 'syntax: sites-enabled/shop.conf:3: unknown directive "server_nmae"' in output.replace(":4:", ":3:")
    assert template.read_text() == "{# a shop #}\n" + BAD
