"""How certificates are renewed on this host, as its clients of ACME have it written: certbot, dehydrated, acme.sh.

Of what they keep, only names, paths and the command that reloads nginx are told: no key, no account, no other word.
"""

from __future__ import annotations

import base64
import os
import re
from typing import TYPE_CHECKING, Iterator

from .safe_open import read_any

if TYPE_CHECKING:
    from pathlib import Path

    from .protocol import Json

__all__ = ["renewals"]

_CHALLENGES = "/.well-known/acme-challenge"
_MOST_BYTES = 256 << 10
_MOST_FILES = 500
_MOST_LINEAGES = 200
_SETTING = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?(?P<name>\w+)[ \t]*=[ \t]*["']?(?P<value>[^"'\n]*)["']?[ \t]*$""", re.M
)
_HOST = re.compile(r"(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
# What reloads nginx in a hook. Nothing else of a hook leaves the host.
_VERB = r"(?:reload|restart|force-reload|try-restart|reload-or-restart|try-reload-or-restart)"
_RELOADS = re.compile(
    rf"systemctl[ \t]+(?:--?[\w=-]+[ \t]+)*{_VERB}[ \t]+nginx(?:\.service)?\b"
    rf"|(?:service|rc-service|invoke-rc\.d)[ \t]+nginx[ \t]+{_VERB}\b|/etc/init\.d/nginx[ \t]+{_VERB}\b"
    r"|(?:/[\w/.-]+/)?nginx[ \t]+-s[ \t]+reload\b"
    r"|kill[ \t]+-(?:s[ \t]+)?(?:SIG)?(?:HUP|1)[ \t]+(?:\$\(|`)cat[ \t]+[\w/.-]+(?:\)|`)"
)


def renewals(root: Path) -> list[Json]:
    """Return the certificates that clients on this host renew, with ``root`` for ``/``; [] where there is no client.

    A row is ``{client, name, certificate, method, folders, hook}``: ``folders`` has, for each name that is known, where
    its tokens are put; ``hook`` is the command that reloads nginx, empty where none is found.
    """
    found: list[Json] = []
    for read in (_certbot, _dehydrated, _acme_sh):
        try:
            found += read(root)
        except (OSError, ValueError):
            # A client of which half is there tells nothing.
            continue
    return found[:_MOST_LINEAGES]


def _text(path: Path) -> str:
    return read_any(path, _MOST_BYTES).decode("utf-8", "replace")


def _files(folder: Path, ending: str = "") -> list[Path]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    return [folder / name for name in names if name.endswith(ending)][:_MOST_FILES]


def _reload_in(text: str) -> str:
    """Return the command in a hook that reloads nginx; a comment has none."""
    for line in text.splitlines():
        match = _RELOADS.search(line.split("#")[0])
        if match:
            return match[0]
    return ""


def _reload_of(command: str, root: Path) -> str:
    """Return the command that reloads nginx, from a hook that says it itself or is a script which does."""
    found = _reload_in(command)
    words = command.split()
    if found or not words or not words[0].startswith("/"):
        return found
    try:
        return _reload_in(_text(root / words[0].lstrip("/")))
    except OSError:
        return ""


def _is_host(name: str) -> bool:
    return len(name) <= 253 and _HOST.fullmatch(name) is not None


def _certbot(root: Path) -> Iterator[Json]:
    base = root / "etc/letsencrypt"
    scripts = [_reload_in(_text(path)) for path in _files(base / "renewal-hooks/deploy") if path.is_file()]
    everywhere = next((command for command in scripts if command), "")
    for path in _files(base / "renewal", ".conf"):
        section, settings = "", {}
        for line in _text(path).splitlines():
            stripped = line.strip()
            if stripped.startswith("["):
                section = stripped.strip("[] ")
            elif "=" in stripped and not stripped.startswith("#"):
                name, _, value = stripped.partition("=")
                settings[section, name.strip()] = value.strip()
        yield _of_certbot(path.name[: -len(".conf")], settings, everywhere, root)


def _of_certbot(name: str, settings: dict[tuple[str, str], str], everywhere: str, root: Path) -> Json:
    how = settings.get(("renewalparams", "authenticator"), "")
    method = how if how in ("webroot", "nginx") else "dns" if how.startswith("dns") else "other"
    folders = {
        each: path.rstrip("/") + _CHALLENGES for (section, each), path in settings.items() if section == "webroot_map"
    }
    own = settings.get(("renewalparams", "renew_hook"), "") or settings.get(("renewalparams", "deploy_hook"), "")
    hook = _reload_of(own, root) or everywhere
    if not hook and settings.get(("renewalparams", "installer")) == "nginx":
        # The plugin reloads what it has installed by itself.
        hook = "nginx -s reload"
    return {
        "client": "certbot",
        "name": name,
        "certificate": settings.get(("", "fullchain"), f"/etc/letsencrypt/live/{name}/fullchain.pem"),
        "method": method,
        "folders": {each: folder for each, folder in folders.items() if _is_host(each)},
        "hook": hook,
    }


def _settings(path: Path) -> dict[str, str]:
    return {match["name"]: match["value"] for match in _SETTING.finditer(_text(path))}


def _dehydrated(root: Path) -> Iterator[Json]:
    base = root / "etc/dehydrated"
    settings: dict[str, str] = {}
    for path in [base / "config", *_files(base / "conf.d", ".sh")]:
        if path.is_file():
            settings.update(_settings(path))
    if not settings:
        return
    folder = settings.get("BASEDIR", "/var/lib/dehydrated")
    certs = settings.get("CERTDIR", "${BASEDIR}/certs").replace("${BASEDIR}", folder)
    tokens = settings.get("WELLKNOWN", "/var/www/dehydrated").replace("${BASEDIR}", folder).rstrip("/")
    kind = settings.get("CHALLENGETYPE", "http-01")
    method = {"http-01": "webroot", "dns-01": "dns"}.get(kind, "other")
    hook = settings.get("HOOK", "").replace("${BASEDIR}", folder)
    for path in _files(root / certs.lstrip("/")):
        if _is_host(path.name) and path.is_dir():
            yield {
                "client": "dehydrated",
                "name": path.name,
                "certificate": f"{certs}/{path.name}/fullchain.pem",
                "method": method,
                "folders": {path.name: tokens},
                "hook": _reload_of(hook, root),
            }


def _acme_sh(root: Path) -> Iterator[Json]:
    for folder in _files(root / "root/.acme.sh"):
        name = folder.name[: -len("_ecc")] if folder.name.endswith("_ecc") else folder.name
        if not (folder / f"{name}.conf").is_file() or not _is_host(name):
            continue
        settings = _settings(folder / f"{name}.conf")
        way = settings.get("Le_Webroot", "").split(",")[0]
        method = "webroot" if way.startswith("/") else "nginx" if way.startswith("nginx") else "other"
        method = "dns" if way.startswith("dns") else method
        others = [each for each in settings.get("Le_Alt", "").split(",") if each not in ("", "no")]
        yield {
            "client": "acme.sh",
            "name": name,
            "certificate": settings.get("Le_RealFullChainPath") or f"/root/.acme.sh/{folder.name}/fullchain.cer",
            # Its own way with nginx is not certbot's plugin.
            "method": "other" if method == "nginx" else method,
            "folders": {each: way.rstrip("/") + _CHALLENGES for each in (name, *others) if _is_host(each)}
            if method == "webroot"
            else {},
            "hook": _reload_of(_decoded(settings.get("Le_ReloadCmd", "")), root),
        }


def _decoded(value: str) -> str:
    match = re.fullmatch(r"__ACME_BASE64__START_(?P<text>[A-Za-z0-9+/=]*)__ACME_BASE64__END_", value)
    return base64.b64decode(match["text"]).decode("utf-8", "replace") if match else value
