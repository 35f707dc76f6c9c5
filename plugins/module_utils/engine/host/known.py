"""What is started how on hosts, of the descriptions in ``module_utils/platforms``."""

# Written by scripts/generate.py from the descriptions in module_utils/platforms.

from __future__ import annotations

__all__ = ["BINARIES", "FOLDERS", "RESTART", "SERVICES", "START", "STATUS"]

# The services that nginx is started as.
SERVICES = ("nginx", "angie", "openresty")

# Its binaries.
BINARIES = (
    "/usr/sbin/nginx",
    "/usr/sbin/angie",
    "/usr/local/nginx/sbin/nginx",
    "/usr/local/openresty/nginx/sbin/nginx",
)

# The folders of their configurations, as their packages have them.
FOLDERS = ("/etc/nginx", "/etc/angie", "/usr/local/nginx/conf", "/usr/local/openresty/nginx/conf")

# What starts and restarts a service, and what tells a person how it is, by the service manager.
START = {
    "systemd": (("systemctl", "start", "{name}"),),
    "openrc": (("rc-service", "--ifstarted", "{name}", "zap"), ("rc-service", "{name}", "start")),
    "runit": (("sv", "-w", "30", "up", "{place}"),),
    "sysvinit": (("/etc/init.d/{name}", "start"),),
    "none": (),
}
RESTART = {
    "systemd": (("systemctl", "restart", "{name}"),),
    "openrc": (("rc-service", "{name}", "restart"),),
    "runit": (("sv", "-w", "30", "restart", "{place}"),),
    "sysvinit": (("/etc/init.d/{name}", "restart"),),
    "none": (),
}
STATUS = {
    "systemd": "systemctl status {name}",
    "openrc": "rc-service {name} status",
    "runit": "sv status {name}",
    "sysvinit": "/etc/init.d/{name} status",
    "none": "ps -ef | grep nginx",
}
