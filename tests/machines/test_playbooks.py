"""The real playbooks, on a machine under SELinux enforcing: gates in containers, waves, finalize; then a bad change."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.commands import Ended, run_playbook
from tests.machines.host import Host

pytestmark = [pytest.mark.integration, pytest.mark.thorough]

_SECONDS = 1800.0


def _site(word: str, root: str = "/srv/shop", **more: Any) -> dict[str, Any]:
    checks = [{"get": "http://shop.example/word", "expect": {"status": 200, "body": word}}]
    routes = [{"path": "= /word", "return": {"code": 200, "body": word}}]
    return {"name": "shop", "server_names": ["shop.example"], "root": root, "routes": routes, "checks": checks, **more}


class Controller:
    """A user's own inventory with one host, and the playbooks of this clone."""

    def __init__(self, project: Path, folder: Path, host: Host) -> None:
        self._project, self._folder = project, folder
        machine = host.machine
        reached = {
            "ansible_host": "127.0.0.1",
            "ansible_port": machine.port,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(machine.image.key),
            "ansible_ssh_common_args": "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null",
        }
        group = {
            "hosts": {"machine": reached},
            "vars": {
                "staging_platform": "debian-13",
                "staging_packages": [],
                "rollout_bake": 1,
                "rollout_confirm_timeout": 600,
                "gates_verify": [],
                "sluice_state_dir": str(folder / "state"),
            },
        }
        folder.mkdir()
        (folder / "hosts.yml").write_text(json.dumps({"web": group}), encoding="utf-8")

    def play(self, name: str, **variables: Any) -> Ended:
        """Run a playbook to its end."""
        arguments = ["-i", str(self._folder / "hosts.yml"), name, "-e", json.dumps(variables)]
        return run_playbook(self._project, *arguments, environment={"ANSIBLE_TIMEOUT": "60"}, seconds=_SECONDS)


def test_a_deployment_and_one_that_fails(new_host: Callable[..., Host], project: Path, tmp_path: Path) -> None:
    host = new_host()
    host.sh("mkdir -p /srv/shop && echo page >/srv/shop/index.html && chcon -R -t httpd_sys_content_t /srv/shop")
    controller = Controller(project, tmp_path / "controller", host)
    done = controller.play("deploy.yml", nginx_sites=[_site("one")])
    assert done.code == 0, done.output
    confirmed = host.state["confirmed"]["release"]
    assert host.link.endswith(confirmed)
    assert host.label("/etc/nginx/nginx.conf") == "httpd_config_t"

    # A port at which the confined nginx may not listen: the gate says so, before any host is touched.
    done = controller.play("deploy.yml", nginx_sites=[_site("two", listen=[6379])])
    assert done.code != 0, done.output
    assert "semanage port -m -t http_port_t -p tcp 6379" in " ".join(done.output.split())
    assert host.state["confirmed"]["release"] == confirmed
    assert host.state["pending"] is None

    done = controller.play("playbooks/status.yml")
    assert done.code == 0, done.output
    assert host.denials() == []
