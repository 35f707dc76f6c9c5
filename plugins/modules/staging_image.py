# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action of the same name; it runs on the controller alone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: staging_image
short_description: Finds or makes the images of hosts' platforms on the controller
version_added: 0.1.0
description:
  - The image holds a distribution, its nginx and the packages that are named, as production has them.
  - It is found by its tag, which names the platform and a digest of the packages, and made when it is missing;
    from a registry's base image where one answers, else from the distribution's packages with mmdebstrap.
  - Hosts of the play may have platforms of their own, by their variables C(staging_platform), C(staging_nginx),
    C(staging_nginx_version), C(staging_packages), C(staging_base_digest) and C(staging_from_host). Each has an image.
options:
  platform:
    description: The distribution of production. V(auto) is the controller's own where that is one of the others,
      else V(debian-12).
    type: str
    choices: [auto, alpine-3.20, alpine-3.21, alpine-3.22, alpine-3.23, amazon-2023, debian-11, debian-12, debian-13,
      fedora-42, fedora-43, rhel-8, rhel-9, rhel-10, rocky-8, rocky-9, rocky-10, alma-8, alma-9, alma-10, oracle-8,
      oracle-9, oracle-10, leap-15.6, leap-16.0, ubuntu-22.04, ubuntu-24.04, ubuntu-26.04]
    default: auto
  nginx:
    description: Who packages production's nginx, where that is not the distribution itself. docs/platforms.md has a
      table of what is tried with which.
    type: str
    choices: [distribution, angie, freenginx, nginx.org, nginx.org-mainline, openresty]
    default: distribution
  nginx_version:
    description: The version of nginx that production has, as V(1.26.3) or V(1.26.3-3+deb13u1), where the newest package
      of the platform is another one.
    type: str
    default: ""
  from_host:
    description:
      - A host of the inventory whose own nginx is staged, where no package has it. Empty for the nginx of packages.
      - The binary that runs there, its modules, its libraries and its loader are read by the engine on that host, at
        each run, and fetched where they are not in O(cache) yet. Nothing there is changed, and nothing but
        C(nginx -V) executed. They are laid over the image of O(platform), with V(auto) that of the host's own
        distribution where an image of it can be made.
      - nginx must say the same by C(nginx -V) in the image as on its host.
    type: str
    default: ""
  packages:
    description: Packages that production has beside nginx, as modules of nginx or php-fpm. iproute2, openssl, procps
      and python3 are always there.
    type: list
    elements: str
    default: []
  base_digest:
    description:
      - The digest of the registry's base image, as V(sha256:…). The base is then pulled by it alone, and one of another
        digest is refused.
      - Where no registry answers, there is then no image, since one that is made from packages has no digest.
    type: str
    default: ""
  docroots:
    description:
      - Paths in production, and the files or folders on the controller (relative to the project) that staging has
        there.
      - What is not mapped is made up, and listed in the evidence.
    type: dict
    default: {}
  directories:
    description: Directories that staging has beside those that the configuration names, and their owners.
    type: dict
    default: {}
  services:
    description: Real programs that run in staging, where a stub would not do.
    type: list
    elements: dict
    default: []
  images:
    description:
      - Docker images that answer as upstreams, where a stub would not do, by the C(name:port) of the upstream.
      - A value is the image's name, or a dict with V(image), and V(command) and V(environment) where its own will
        not do.
    type: dict
    default: {}
  bounds:
    description:
      - What each container may take, V(memory), V(cpus), V(processes) and V(disk), and how large a release may be,
        V(tree_size) and V(tree_files), as the role C(staging) documents them.
    type: dict
    default: {}
  ahead:
    description:
      - How many stages are started at once, beside what the run does until its gates need them. A release that replaces
        another one takes two; at most 32 can be.
      - What nobody has taken is removed at the end of the run.
    type: int
    default: 0
  kept_minutes:
    description:
      - For how many minutes after a run the stages of O(ahead) stay ready for the next one, where a person looks at the
        run on a terminal. V(0) keeps none; at most a day is possible.
      - Each run gets containers that nobody has used. They end as well when they are removed by other means.
    type: int
    default: 0
  cache:
    description:
      - The directory on the controller for what was read from images.
      - By default it is C(.sluice/cache) beside C(ansible.cfg).
    type: path
extends_documentation_fragment: [sluice.nginx.controller, sluice.nginx.packages]
author: Sluice (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Ensure platform image
  sluice.nginx.staging_image:
    platform: debian-12
    packages: [php-fpm, libnginx-mod-stream]
  register: platform
"""

RETURN = r"""
name:
  description: The platform.
  type: str
  returned: success
  sample: debian-12
image:
  description: The tag of the image.
  type: str
  returned: success
  sample: sluice-platform:debian-12-0bf0f9fcad28
image_id:
  description: The id of the image.
  type: str
  returned: success
base:
  description: What the image stands on, by its digest; empty where it came from no registry.
  type: str
  returned: success
  sample: debian@sha256:…
os:
  description: The distribution and its version.
  type: str
  returned: success
  sample: debian 12
nginx_version:
  description: The version of nginx.
  type: str
  returned: success
  sample: 1.22.1
configure:
  description: The SHA-256 of nginx's configure arguments.
  type: str
  returned: success
source:
  description: Who packages its nginx, as O(nginx).
  type: str
  returned: success
  sample: distribution
flavour:
  description: What its nginx calls itself.
  type: str
  returned: success
  sample: nginx
prefix:
  description: The folder to which relative paths of files are relative.
  type: str
  returned: success
  sample: /usr/share/nginx
layout:
  description: Where the platform's nginx has its binary, modules, logs, pid file and sites.
  type: dict
  returned: success
others:
  description:
    - The platforms of hosts that have another one than the first, with the same keys, and C(hosts).
  type: list
  elements: dict
  returned: success
  sample: []
around:
  description: The image that stubs and judge of a stage are of, where O(from_host) is set; else empty.
  type: str
  returned: success
from_host:
  description:
    - What was fetched of O(from_host), C(host), C(digest) of it all, C(said) by C(nginx -V), C(files) with their
      SHA-256, and what C(lacks). Else empty.
  type: dict
  returned: success
ahead:
  description: Where the gates get the stages that were started ahead; empty where there are none.
  type: str
  returned: success
packages:
  description: O(packages), for an image of another platform that has the same.
  type: list
  elements: str
  returned: success
modules:
  description: File names of nginx's dynamic modules.
  type: list
  elements: str
  returned: success
  sample: [ngx_stream_module.so]
environment:
  description:
    - What the user puts around releases, the options O(docroots), O(directories), O(services), O(images) and O(bounds).
  type: dict
  returned: success
tree:
  description: The packaged /etc/nginx on the controller, without the distribution's default site.
  type: str
  returned: success
"""
