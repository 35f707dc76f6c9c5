"""The nginx of others than the distribution: Debian's sources, built as nginx.org, OpenResty, Angie and freenginx build
theirs, with the files around it that their packages bring.

The packages themselves are in no registry that these tests reach. What they configure nginx with, their units and their
configurations are as they publish them. What the binaries say of themselves, in ``-V`` and in the titles of their
processes, is as theirs do. It stays nginx 1.22.1 inside: OpenResty's Lua and Angie's own directives are not in it.
"""

from __future__ import annotations

import hashlib
import io
import json
import shlex
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ansible_collections.sluice.nginx.plugins.module_utils.platforms.catalog import platform_named

__all__ = ["LAYOUTS", "Layout", "built", "image", "packages"]

_TOOLS = "gcc libc6-dev make libpcre2-dev libssl-dev zlib1g-dev"
_SOURCES = """FROM {platform_image}
RUN sed -n 's/^deb /deb-src /p' /etc/apt/sources.list > /etc/apt/sources.list.d/source.list && apt-get update \\
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends {tools} \\
 && mkdir -p /src/nginx && cd /src && apt-get source --tar-only nginx \\
 && tar -C nginx --strip-components=1 -xf nginx_*.orig.tar.* \\
 && rm -rf /var/lib/apt/lists/*
"""
# Changes what the sources say, and builds: quickly, since nobody measures it.
_BUILD = """
import json, pathlib, subprocess, sys
edits, options = json.loads(sys.argv[1])
for name, old, new in edits:
    path = pathlib.Path("/src/nginx", name)
    text = path.read_text()
    assert old in text, (name, old)
    path.write_text(text.replace(old, new))
run = lambda *argv: subprocess.run(argv, cwd="/src/nginx", check=True, stdout=sys.stderr)
run("./configure", "--with-cc-opt=-O0 -g0 -w", *options)
run("make", "-j1")
run("make", "install", "DESTDIR=/out")
subprocess.run(["tar", "-C", "/out", "-cf", "-", "."], check=True)
"""
_COMMON = ("--with-threads", "--with-http_realip_module", "--with-http_ssl_module", "--with-http_v2_module")


class Layout(NamedTuple):
    """How one of them builds nginx and lays it out.

    ``edits`` are changes of the sources, ``files`` are what its package brings beside what ``make install`` does, by
    their paths, ``made`` is what its scripts do.
    """

    source: str
    options: tuple[str, ...]
    edits: tuple[tuple[str, str, str], ...]
    files: dict[str, str]
    made: str


# The unit of nginx.org's packages for Debian, and that of Angie's, which follows it.
_UNIT = """[Unit]
Description={title} - high performance web server
After=network-online.target remote-fs.target nss-lookup.target
Wants=network-online.target

[Service]
Type=forking
PIDFile={pid}
Environment="CONFFILE={configuration}"
EnvironmentFile=-/etc/default/{name}
ExecStart=/usr/sbin/{name} -c ${{CONFFILE}}
ExecReload=/bin/sh -c "/bin/kill -s HUP $(/bin/cat {pid})"
ExecStop=/bin/sh -c "/bin/kill -s TERM $(/bin/cat {pid})"

[Install]
WantedBy=multi-user.target
"""
# The unit of OpenResty's package for Debian.
_OPENRESTY = """[Unit]
Description=The OpenResty Application Platform
After=syslog.target network-online.target remote-fs.target nss-lookup.target
Wants=network-online.target

[Service]
Type=forking
PIDFile=/usr/local/openresty/nginx/logs/nginx.pid
ExecStartPre=/usr/local/openresty/nginx/sbin/nginx -t -q -g 'daemon on; master_process on;'
ExecStart=/usr/local/openresty/nginx/sbin/nginx -g 'daemon on; master_process on;'
ExecStartPost=/bin/sleep 1
ExecReload=/usr/local/openresty/nginx/sbin/nginx -g 'daemon on; master_process on;' -s reload
ExecStop=-/sbin/start-stop-daemon --quiet --stop --retry QUIT/5 --pidfile /usr/local/openresty/nginx/logs/nginx.pid
RuntimeDirectory=openresty
TimeoutStopSec=5
KillMode=mixed

[Install]
WantedBy=multi-user.target
"""
# freenginx ships none; this is the one that nginx's documentation has long recommended for what is built from sources.
_FREENGINX = """[Unit]
Description=The NGINX HTTP and reverse proxy server
After=syslog.target network-online.target remote-fs.target nss-lookup.target
Wants=network-online.target

[Service]
Type=forking
PIDFile=/usr/local/nginx/logs/nginx.pid
ExecStartPre=/usr/local/nginx/sbin/nginx -t
ExecStart=/usr/local/nginx/sbin/nginx
ExecReload=/usr/local/nginx/sbin/nginx -s reload
ExecStop=/bin/kill -s QUIT $MAINPID
PrivateTmp=true

[Install]
WantedBy=multi-user.target
"""
_PACKAGED = """
user  {name};
worker_processes  auto;

error_log  /var/log/{name}/error.log notice;
pid        {pid};

events {{
    worker_connections  1024;
}}

http {{
    include       /etc/{name}/mime.types;
    default_type  application/octet-stream;

    access_log  /var/log/{name}/access.log;

    sendfile        on;
    keepalive_timeout  65;

    include /etc/{name}/{sites}/*.conf;
}}
"""
# What `make install` brings as nginx.conf, without its comments: no user, no pid, no logs, and relative paths.
_STOCK = """
worker_processes  1;

events {
    worker_connections  1024;
}

http {
    include       mime.types;
    default_type  application/octet-stream;

    sendfile        on;
    keepalive_timeout  65;

    server {
        listen       80;
        server_name  localhost;

        location / {
            return 200 "by hand\\n";
        }
    }
}
"""
_DEFAULT = """server {
    listen       80;
    server_name  localhost;

    location / {
        return 200 "by hand\\n";
    }
}
"""
# Angie's titles: its version, the generation of the configuration, and the words of its start in brackets.
_ANGIE_TITLE = """
void
ngx_setproctitle(char *title)
{
    static u_char       master[2048];
    static ngx_uint_t   generation;
    u_char              text[2048], *p;

    if (title == NULL) {
        generation++;
        title = (char *) master;
    }

    if (ngx_strncmp(title, "master process ", 15) == 0) {
        /* what it is told is of a cycle that goes with the next reload */
        ngx_cpystrn(master, (u_char *) title, sizeof(master));
        p = ngx_snprintf(text, 2047, "angie: master process v1.8.0 #%ui [%s]", generation, title + 15);
    } else {
        p = ngx_snprintf(text, 2047, "angie: %s #%ui", title, generation);
    }

    *p = '\\0';
    ngx_os_argv[1] = NULL;
    p = ngx_cpystrn((u_char *) ngx_os_argv[0], text, ngx_os_argv_last - ngx_os_argv[0]);

    if (ngx_os_argv_last - (char *) p) {
        ngx_memset(p, NGX_SETPROCTITLE_PAD, ngx_os_argv_last - (char *) p);
    }
}


void
ngx_setproctitle_of_nginx(char *title)
"""
_STARTS = 'ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0, "start worker processes");'
_ANGIE = (
    ("src/core/nginx.c", '"nginx version: " NGINX_VER_BUILD', '"Angie version: Angie/1.8.0" NGX_LINEFEED\n'
     '                     "nginx version: " NGINX_VER_BUILD'),
    ("src/core/ngx_log.c", '"nginx: ', '"angie: '),
    ("src/os/unix/ngx_setproctitle.c", "\nvoid\nngx_setproctitle(char *title)\n", _ANGIE_TITLE),
    ("src/os/unix/ngx_process_cycle.c", _STARTS, f"ngx_setproctitle(NULL); {_STARTS}"),
)  # fmt: skip


def _packaged(name: str) -> tuple[str, ...]:
    """Return what nginx.org and Angie configure: the same, with their own name in it."""
    cache = f"/var/cache/{name}"
    return (
        *(f"--prefix=/etc/{name}", f"--sbin-path=/usr/sbin/{name}", f"--modules-path=/usr/lib/{name}/modules"),
        *(f"--conf-path=/etc/{name}/{name}.conf", f"--error-log-path=/var/log/{name}/error.log"),
        *(
            f"--http-log-path=/var/log/{name}/access.log",
            f"--pid-path=/run/{name}.pid",
            f"--lock-path=/run/{name}.lock",
        ),
        *(f"--http-client-body-temp-path={cache}/client_temp", f"--http-proxy-temp-path={cache}/proxy_temp"),
        *(f"--http-fastcgi-temp-path={cache}/fastcgi_temp", f"--http-uwsgi-temp-path={cache}/uwsgi_temp"),
        *(f"--http-scgi-temp-path={cache}/scgi_temp", f"--user={name}", f"--group={name}", "--with-compat"),
        *("--with-http_stub_status_module", *_COMMON),
    )


def _files(name: str, title: str, pid: str, sites: str) -> dict[str, str]:
    configuration = f"/etc/{name}/{name}.conf"
    return {
        configuration: _PACKAGED.format(name=name, pid=pid, sites=sites),
        f"/etc/{name}/{sites}/default.conf": _DEFAULT,
        f"/lib/systemd/system/{name}.service": _UNIT.format(
            title=title, pid=pid, name=name, configuration=configuration
        ),
    }


def _made(name: str) -> str:
    return (
        f"useradd --system --user-group --no-create-home --shell /usr/sbin/nologin {name}; "
        f"mkdir -p /var/cache/{name} /usr/lib/{name}/modules; "
        f"ln -s /usr/lib/{name}/modules /etc/{name}/modules; "
        f"cd /etc/{name}; rm -f *.default koi-* win-utf fastcgi.conf; rm -rf html"
    )


LAYOUTS = {
    each.source: each
    for each in (
        Layout(
            "nginx.org", _packaged("nginx"), (), _files("nginx", "nginx", "/run/nginx.pid", "conf.d"), _made("nginx"),
        ),
        Layout(
            "openresty",
            ("--prefix=/usr/local/openresty/nginx", "--with-pcre-jit", "--with-stream", *_COMMON),
            (("src/core/nginx.h", '"nginx/" NGINX_VERSION', '"openresty/" NGINX_VERSION ".1"'),),
            {
                "/lib/systemd/system/openresty.service": _OPENRESTY,
                "/usr/local/openresty/nginx/conf/nginx.conf": _STOCK,
            },
            "mkdir -p /usr/local/openresty/bin; "
            "ln -s ../nginx/sbin/nginx /usr/local/openresty/bin/openresty; "
            "ln -s /usr/local/openresty/bin/openresty /usr/bin/openresty",
        ),
        Layout(
            "angie", _packaged("angie"), _ANGIE, _files("angie", "Angie", "/run/angie.pid", "http.d"), _made("angie"),
        ),
        Layout(
            "freenginx", _COMMON,
            (("src/core/nginx.h", '"nginx/" NGINX_VERSION', '"freenginx/" NGINX_VERSION'),),
            {"/etc/systemd/system/nginx.service": _FREENGINX, "/usr/local/nginx/conf/nginx.conf": _STOCK}, "true",
        ),
    )
}  # fmt: skip


# Makes a package of what is laid out, in two versions, and installs the first. The second has new configuration files.
_PACKAGES = """set -e
make() {{
  root=/root/package; rm -rf $root; mkdir -p $root/DEBIAN $root{folder} $root$(dirname {binary})
  cp -a {folder}/. $root{folder}; cp {binary} $root{binary}
  (cd $root; find .{folder} -type f | sed 's/^[.]//' >DEBIAN/conffiles)
  for each in $2; do echo "# $1" >>$root{folder}/$each; done
  printf 'Package: {name}\\nVersion: %s\\nArchitecture: all\\nMaintainer: a <a@b.example>\\nDescription: x\\n' $1 \\
    >$root/DEBIAN/control
  printf '#!/bin/sh\\ntest -z "$2" || systemctl restart {service}\\n' >$root/DEBIAN/postinst
  chmod 755 $root/DEBIAN/postinst
  dpkg-deb -Znone --root-owner-group --build $root /root/{name}-$1.deb
}}
make 1 ""
make 2 "{changed}"
dpkg --install /root/{name}-1.deb
"""


def packages(layout: Layout, changed: Sequence[str]) -> tuple[str, str]:
    """Return the command that makes and installs a package of a layout, and the one that upgrades it to a version with
    new configuration files, as unattended-upgrades does; nobody packages freenginx, which is built anew.
    """
    nginx = platform_named("debian-12", layout.source).nginx
    if not nginx.packages:
        return "true", f"cp {nginx.binary} /root/new; mv -f /root/new {nginx.binary}; systemctl restart {nginx.service}"
    (name,) = nginx.packages
    command = f"DEBIAN_FRONTEND=noninteractive dpkg --force-confdef --force-confold --install /root/{name}-2.deb 2>&1"
    words = {"name": name, "folder": nginx.folder, "binary": nginx.binary, "service": nginx.service}
    return _PACKAGES.format(**words, changed=" ".join(changed)), command


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def _ensure_image(recipe: str, tag: str, context: bytes = b"") -> str:
    """Make an image by a recipe, unless it is there."""
    if subprocess.run(["docker", "image", "inspect", tag], capture_output=True, check=False).returncode == 0:
        return tag
    argv = ["docker", "build", "--quiet", "--label", "sluice=1", "--tag", tag, "-"]
    done = subprocess.run(argv, input=context or recipe.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return tag


def built(layout: Layout, platform_image: str, cache: Path) -> Path:
    """Return the tar of what ``make install`` makes of a layout; what was compiled once is in the cache."""
    sources = _SOURCES.format(platform_image=platform_image, tools=_TOOLS)
    place = cache / "layouts" / f"{layout.source}-{_digest(sources, _BUILD, layout.options, layout.edits)}.tar"
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        tag = _ensure_image(sources, f"sluice-test:{_digest(sources)}")
        argv = ["docker", "run", "--rm", "--label", "sluice=1", "--network", "none", tag]
        argv += ["python3", "-c", _BUILD, json.dumps([layout.edits, layout.options])]
        done = subprocess.run(argv, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()[-3000:]
        part = place.with_suffix(".part")
        part.write_bytes(done.stdout)
        part.rename(place)
    return place


def image(layout: Layout, platform_image: str, cache: Path) -> str:
    """Make the image of a host with this nginx, and without Debian's, unless it is there."""
    made = built(layout, platform_image, cache)
    commands = [
        "set -e; dpkg --purge --force-all $(dpkg-query -Wf '${Package} ' '*nginx*' 2>/dev/null) 2>/dev/null || true",
        "rm -rf /etc/nginx /var/log/nginx /usr/lib/nginx /usr/share/nginx; tar -C / -xf /layout.tar; rm /layout.tar",
        layout.made,
        *(
            f"mkdir -p {Path(path).parent}; printf %s {shlex.quote(text)} > {path}"
            for path, text in layout.files.items()
        ),
        f"systemctl enable {platform_named('debian-12', layout.source).nginx.service}",
    ]
    script = "\n".join(commands) + "\n"
    recipe = f"FROM {platform_image}\nCOPY layout.tar script /\nRUN sh -e /script && rm /script\n"
    tag = f"sluice-test:{_digest(recipe, script, made.name)}"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as context:
        for name, data in {
            "Dockerfile": recipe.encode(),
            "script": script.encode(),
            "layout.tar": made.read_bytes(),
        }.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            context.addfile(info, io.BytesIO(data))
    return _ensure_image(recipe, tag, buffer.getvalue())
