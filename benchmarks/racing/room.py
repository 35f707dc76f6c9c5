"""The folder that contestants work in: versions of ten small files, and what each contestant needs around them.

It has its own state of Sluice, so that neither the releases nor the records of the one who measures are touched; the
settings of Ansible are the project's own.
"""

from __future__ import annotations

import http.client
import io
import json
import shutil
import sys
import tarfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError

__all__ = ["PACKAGES", "Room", "checks", "files", "wait_for_version"]

# Of the image that `make setup` has made, which has sshd.
PACKAGES = ("openssh-server", "php-fpm", "systemd-sysv")
_CHANGING = "site0.example"
_TIMEOUT = 20.0
_SITES = 10

_FLOOR = """
# sh all-at-once.sh VERSION HOST...: what a person with a shell would do, on all hosts at once.
version=$1
shift
started=
for host; do
  ssh -F "$CONFIG" $OPTIONS "$host" 'tar -xC /etc/nginx && nginx -t -q && nginx -s reload' < "versions/$version.tar" &
  started="$started $!"
done
failed=0
for each in $started; do wait "$each" || failed=1; done
exit $failed
"""
_PYINFRA = """
from pyinfra import host
from pyinfra.operations import files, server

files.sync(name="The files are there", src=f"versions/{host.data.version}/conf.d", dest="/etc/nginx/conf.d")
server.shell(name="nginx serves them", commands=["nginx -t && nginx -s reload"])
"""
_ANSIBLE_CFG = """
[defaults]
forks = 50
interpreter_python = /usr/bin/python3
[ssh_connection]
pipelining = true
ssh_args = -o ControlMaster=auto -o ControlPersist=60s
control_path = %(directory)s/%%C
"""
_PLAYBOOK = """
- hosts: web
  gather_facts: false
  tasks:
    - name: The files are there
      ansible.builtin.copy:
        src: "{{ item }}"
        dest: /etc/nginx/conf.d/
        mode: "0644"
      with_fileglob: "versions/{{ version }}/conf.d/*.conf"
      notify: nginx reloads

    - name: nginx is content with them
      ansible.builtin.command: nginx -t
      changed_when: false

  handlers:
    - name: nginx reloads
      ansible.builtin.command: nginx -s reload
"""
# What the gates found is handed on, as deploy.yml does within one run.
_GATE = """
- import_playbook: {project}/playbooks/gate.yml
- hosts: web
  gather_facts: false
  run_once: true
  tasks:
    - ansible.builtin.copy:
        content: "{{{{ sluice_gated | to_json }}}}"
        dest: "{room}/passed.json"
        mode: "0644"
      delegate_to: localhost
      vars:
        ansible_connection: local
        ansible_python_interpreter: "{python}"
"""


def files(version: int) -> dict[str, str]:
    """The ten files of a version, by path: a site each, of which the first tells the version."""
    return {
        f"conf.d/site{number}.conf": (
            f"server {{\n    listen 80;\n    server_name site{number}.example;\n    default_type text/plain;\n\n"
            f'    location / {{\n        return 200 "{_page_of(number, version)}\\n";\n    }}\n}}\n'
        )
        for number in range(_SITES)
    }


def checks(version: int) -> list[dict[str, Any]]:
    """The contract of a version: a check for each site."""
    return [
        {
            "get": f"http://site{number}.example/",
            "expect": {"status": 200, "body": f"{_page_of(number, version)}\n"},
        }
        for number in range(_SITES)
    ]


def _page_of(number: int, version: int) -> str:
    return f"site {number}, version {version if number == 0 else 0}"


class Room:
    """The folder, below the project's state; ``project`` is the checkout."""

    def __init__(self, project: Path, folder: Path) -> None:
        self.project, self.folder = project, folder
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "versions").mkdir(parents=True)
        (folder / "plain").mkdir()
        (folder / "plain" / "versions").symlink_to(folder / "versions")
        # Facts of the platform are asked of its image, once.
        cache = project / ".sluice/cache"
        cache.mkdir(parents=True, exist_ok=True)
        (folder / ".sluice").mkdir()
        (folder / ".sluice/cache").symlink_to(cache)
        shutil.copy(project / "ansible.cfg", folder)
        written = {
            "all-at-once.sh": _FLOOR,
            "deploy.py": _PYINFRA,
            "plain/ansible.cfg": _ANSIBLE_CFG,
            "plain/playbook.yml": _PLAYBOOK,
            "gate.yml": _GATE.format(project=project, room=folder, python=sys.executable),
        }
        for name, text in written.items():
            (folder / name).write_text(text.lstrip(), encoding="utf-8")

    def add_version(self, version: int) -> None:
        """Write the files of a version, as a folder and packed, and the variables that make a release of it."""
        made = files(version)
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for name, text in made.items():
                path = self.folder / "versions" / str(version) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(text.encode()), 0o644
                archive.addfile(entry, io.BytesIO(text.encode()))
        (self.folder / f"versions/{version}.tar").write_bytes(packed.getvalue())
        self.write(f"versions/{version}.json", {"nginx_tree": f"versions/{version}", "nginx_checks": checks(version)})

    def write(self, name: str, content: Any) -> Path:
        """Write a file of JSON."""
        path = self.folder / name
        path.write_text(json.dumps(content, indent=1), encoding="utf-8")
        return path

    def read(self, name: str) -> dict[str, Any]:
        """Read a file of JSON."""
        return dict(json.loads((self.folder / name).read_text(encoding="utf-8")))

    def add_inventories(self, names: Sequence[str], addresses: Mapping[str, str], keys: Path) -> None:
        """Write the inventories of these hosts, for Ansible and for pyinfra. ``keys`` has the key and ssh_config."""
        settings = {
            "ansible_user": "root",
            "ansible_ssh_common_args": f"-F {keys}/ssh_config",
            "staging_packages": list(PACKAGES),
            "rollout_waves": ["100%"],
            "rollout_bake": 0,
        }
        web = {"hosts": {name: {} for name in names}, "vars": settings}
        self.write(f"hosts-{len(names)}.json", {"web": web})
        shared = {
            "ssh_user": "root",
            "ssh_key": f"{keys}/key",
            "ssh_known_hosts_file": f"{keys}/known_hosts",
            "ssh_strict_host_key_checking": "no",
            "ssh_allow_agent": False,
            "ssh_look_for_keys": False,
        }
        listed = [(name, {"ssh_hostname": addresses[name]}) for name in names]
        text = f"web = ({listed!r}, {shared!r})\n"
        (self.folder / f"hosts_{len(names)}.py").write_text(text, encoding="utf-8")


def wait_for_version(addresses: Sequence[str], version: int, *, at_once: bool) -> None:
    """Ask each host which version it serves, until it is this one. ``at_once`` it must be the first answer.

    Raises ``SluiceError`` when a host serves something else.
    """
    deadline = time.monotonic() + (0 if at_once else _TIMEOUT)

    def served(address: str) -> str:
        while True:
            found = _page(address)
            if found == _page_of(0, version) or time.monotonic() >= deadline:
                return found
            time.sleep(0.05)

    with ThreadPoolExecutor(16) as pool:
        found = dict(zip(addresses, pool.map(served, addresses), strict=True))
    wrong = [f"{address} serves {page!r}" for address, page in found.items() if page != _page_of(0, version)]
    if wrong:
        raise SluiceError(f"version {version} was to be served everywhere, and {'; '.join(wrong[:5])}")


def _page(address: str) -> str:
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request("GET", "/", headers={"Host": _CHANGING, "Connection": "close"})
        return connection.getresponse().read().decode(errors="replace").strip()
    except OSError as error:
        return f"nothing: {error}"
    finally:
        connection.close()
