# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action of the same name; it runs on the controller alone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sandbox
short_description: Makes or removes the containers of a sandbox on the controller
version_added: 0.1.0
description:
  - Each host is a container with systemd and sshd. Ports 22, 80 and 443 are published on free ports of 127.0.0.1,
    which stay the same when a host or Docker restarts; of monitoring hosts these are 22, 2525, 8080, 9090 and 9093.
  - The ports are written to C(fleet.json), and for SSH to C(ssh_config), in C(.sluice/fleets/NAME) beside
    C(ansible.cfg).
options:
  state:
    description:
      - V(present) makes what is missing and starts what has stopped.
      - V(absent) removes the hosts, and with the last of them the network.
    type: str
    choices: [present, absent]
    default: present
  name:
    description:
      - The name of the fleet, of at most 31 letters a-z, digits and hyphens. Fleets with different names live side
        by side.
      - In the sandbox's inventory the environment's C(SLUICE_SANDBOX) sets it.
    type: str
    required: true
  hosts:
    description: The hosts' names.
    type: list
    elements: str
    required: true
  aliases:
    description: Further names under which the hosts of the fleet find each other; a host's name maps to a list.
    type: dict
    default: {}
  monitors:
    description: Hosts that watch the others. They have no nginx that serves, and what C(sluice.nginx.monitor)
      installs.
    type: list
    elements: str
    default: []
  image:
    description: The id of the platform image that the hosts' image is built on. Needed with O(state=present).
    type: str
    default: ""
  context:
    description:
      - Folders that the hosts' image is built from, by their names in the build context; C(image) holds the Dockerfile.
      - Needed with O(state=present).
    type: dict
    default: {}
attributes:
  check_mode:
    description: The task is skipped in check mode.
    support: none
extends_documentation_fragment: [sluice.nginx.nothing_to_compare, sluice.nginx.packages]
author: Sluice (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Run fleet
  sluice.nginx.sandbox:
    name: sandbox
    hosts: [web1, web2, app1]
    aliases: {app1: [app]}
    image: "{{ platform.image_id }}"
    context: {image: files/image, sites: files/sites}
  run_once: true

- name: Remove fleet
  sluice.nginx.sandbox:
    name: sandbox
    hosts: [web1, web2, app1]
    state: absent
  run_once: true
"""

RETURN = r"""
folder:
  description: Where the fleet's ports are written down.
  type: str
  returned: when O(state=present)
"""
