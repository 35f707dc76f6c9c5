"""Where the controller keeps what it knows, and which hosts get releases, as Ansible itself resolves it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible import constants

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.plugin_utils import controller
from tests.commands import Ended, run_playbook

INVENTORY = """
[shops]
shop1
[apis]
api1
[all:vars]
ansible_connection=local
"""
RENDER = """
- hosts: "{{ sluice_group | default('web') }}:localhost"
  gather_facts: false
  run_once: true
  tasks:
    - sluice.nginx.release:
        platform: {tree: PACKAGED, os: debian 12, nginx_version: 1.22.1, modules: []}
      register: sluice_rendered
    - ansible.builtin.debug:
        msg: "{{ sluice_rendered.releases | map(attribute='hosts') | flatten | join(' ') }}: rendered"
"""
STATE = """
- hosts: localhost
  gather_facts: false
  tasks:
    - sluice.nginx.history:
"""


def run(folder: Path, playbook: str, *arguments: str) -> Ended:
    """Run a playbook outside of any role, in a project of its own."""
    (folder / "packaged").mkdir(exist_ok=True)
    (folder / "packaged/nginx.conf").write_text("events {}\n")
    (folder / "ansible.cfg").touch()
    (folder / "hosts").write_text(INVENTORY)
    (folder / "play.yml").write_text(playbook.replace("PACKAGED", str(folder / "packaged")))
    settings = {"ANSIBLE_CONFIG": str(folder / "ansible.cfg"), "COLUMNS": "1000"}
    return run_playbook(folder, "-i", "hosts", "play.yml", *arguments, environment=settings, seconds=60)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("/srv/infrastructure/ansible.cfg", "/srv/infrastructure"),
        ("/etc/ansible/ansible.cfg", "{cwd}"),
        ("~/.ansible.cfg", "{cwd}"),
        (None, "{cwd}"),
    ],
)
def test_the_project_is_where_its_own_configuration_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: str | None, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(constants, "CONFIG_FILE", config and str(Path(config).expanduser()))
    assert str(controller.project()) == expected.format(cwd=tmp_path)


@pytest.mark.parametrize(
    ("wanted", "expected"), [("", "project/.sluice"), ("var/sluice", "project/var/sluice"), ("{folder}/x", "x")]
)
def test_state_lies_where_it_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str, expected: str
) -> None:
    (tmp_path / "project/var").mkdir(parents=True)
    monkeypatch.setattr(constants, "CONFIG_FILE", str(tmp_path / "project/ansible.cfg"))
    found = controller.state_folder(wanted.format(folder=tmp_path))
    assert found == tmp_path / expected
    assert found.stat().st_mode & 0o777 == 0o700


def test_state_that_others_could_change_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "CONFIG_FILE", str(tmp_path / "ansible.cfg"))
    (tmp_path / "state").symlink_to(tmp_path)
    with pytest.raises(SluiceError, match="is a link"):
        controller.state_folder("state")


def test_a_variable_of_the_inventory_says_where_state_lies(tmp_path: Path) -> None:
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars/all.yml").write_text("sluice_state_dir: kept\n")
    done = run(tmp_path, STATE)
    assert done.code == 0, done.output
    assert (tmp_path / "kept/runs/index.html").is_file()
    assert not (tmp_path / ".sluice").exists()


def test_two_groups_of_one_inventory_are_rendered_separately(tmp_path: Path) -> None:
    for group, host in (("shops", "shop1"), ("apis", "api1")):
        done = run(tmp_path, RENDER, "-e", f"sluice_group={group}")
        assert f"{host}: rendered" in done.output, done.output


def test_a_group_may_come_with_an_imported_playbook(tmp_path: Path) -> None:
    (tmp_path / "render.yml").write_text(RENDER.replace("PACKAGED", str(tmp_path / "packaged")))
    done = run(tmp_path, "- import_playbook: render.yml\n  vars: {sluice_group: apis}\n")
    assert "api1: rendered" in done.output, done.output


def test_a_group_that_is_not_there_is_named_with_the_variable_that_chooses_it(tmp_path: Path) -> None:
    done = run(tmp_path, RENDER)
    assert done.code == 2
    assert "the inventory has no host in a group 'web'" in done.output
    assert "its groups: apis, shops; -e sluice_group=NAME names another" in done.output


def test_a_group_that_the_inventory_chooses_is_refused_with_the_way_to_choose_it(tmp_path: Path) -> None:
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars/all.yml").write_text("sluice_group: shops\n")
    done = run(tmp_path, RENDER)
    assert done.code == 2
    assert "sluice_group: it is 'shops', and this play runs on none of its hosts" in done.output
    assert "give it by -e sluice_group=shops, or make the group shops a child of the group web" in done.output
