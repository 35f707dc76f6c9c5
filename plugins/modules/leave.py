# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the action of the same name, which asks the engines on the hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: leave
short_description: Takes Sluice off hosts
version_added: 0.1.0
description:
  - Makes C(/etc/nginx) a plain directory again, in one step, with the files, owners and modes of the live release.
    Files that are kept outside of releases come back to their places. nginx is not reloaded, and need not be.
  - Then removes state, stored releases, the watchdog's units, the host's own engine, and who may sign.
  - Looks at all hosts of the play first. What is in the way on one host stops it on all, and nothing is removed.
  - In the way are a pending release, a run that holds the host, files that were changed on the host, kept files that
    no release leads to, and a configuration that C(nginx -t) refuses.
  - Lines of sudoers and authorized_keys that name the host's own engine are named and stay; an administrator made them.
options:
  drift:
    description:
      - What happens where the live tree is not its release any more. V(adopt) leaves the files as they are on the host;
        V(adopt-package) does so for files that packages have changed.
      - V(refuse) and V(discard) stop it. Deploy first to discard such changes.
    type: str
    choices: [refuse, adopt-package, adopt, discard]
    default: adopt-package
attributes:
  check_mode:
    description: Only says what is in the way and what would be removed. Leaves nothing on a host that has nothing.
    support: full
  diff_mode:
    description: Shows the link and the paths that go.
    support: full
  idempotent:
    description: A host without any trace of Sluice is not changed.
    support: full
extends_documentation_fragment: [sluice.nginx.packages]
author: Sluice (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Take Sluice off hosts
  sluice.nginx.leave:

- name: Take Sluice off hosts and leave files as they were changed there
  sluice.nginx.leave:
    drift: adopt
"""

RETURN = r"""
hosts:
  description:
    - For each host C(release), whose files C(/etc/nginx) has now (none where it was no link), C(removed), the paths
      that went, and C(left), what others made for Sluice and remove themselves. In check mode, what would be.
  type: dict
  returned: always
"""
