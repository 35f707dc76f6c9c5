"""A client of ACME beside nginx, as on a host: it puts its tokens where it puts them there, and runs its hook."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from .common import HOME, read_file
from .modules import nginx

__all__ = ["renew", "tokens"]

_FOLDER = HOME / "acme"
_TOOLS = _FOLDER / "bin"
_SECONDS = 240
_MOST_WORDS = 4000
_LINEAGES = Path("/etc/letsencrypt/live")
# There is no service manager in staging; these do what the unit of nginx says, and leave everything else alone.
_MANAGERS = ("systemctl", "service", "rc-service", "invoke-rc.d")
_MANAGER = """\
#!/bin/sh
unit= verb=
for word; do
    case $word in
        nginx|nginx.service) unit=nginx ;;
        reload|force-reload|restart|try-restart|reload-or-restart|try-reload-or-restart) verb=$word ;;
    esac
done
[ -z "$unit" ] || [ -z "$verb" ] || exec {reload}
"""


def tokens(plan: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Put a file for each ``folder`` into it, as a client does: readable by all, and the folders on the way with it."""
    made = []
    for row in rows:
        folder = Path(row["folder"])
        try:
            _make(folder)
            place = folder / row["token"]
            place.write_text(row["content"], encoding="ascii")
            place.chmod(0o644)
            made.append("")
        except OSError as error:
            made.append(f"{folder}: {error.strerror or error}")
    return {"problems": made}


def _make(folder: Path) -> None:
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir()
        folder.chmod(0o755)


def renew(plan: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Have a client get a certificate and run its hook; tell its exit code and words, and how the hook ended."""
    (row,) = rows
    shutil.rmtree(_FOLDER, ignore_errors=True)
    _TOOLS.mkdir(parents=True)
    _write_tools()
    (_FOLDER / "hook").write_text(_hook(row), encoding="utf-8")
    (_FOLDER / "hook").chmod(0o755)
    command = {"certbot": _certbot, "dehydrated": _dehydrated, "lego": _lego}[row["client"]](row)
    environment = {**os.environ, "PATH": f"{_TOOLS}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    environment["HOME"] = str(_FOLDER)
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd="/",
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        said = (late.output or b"").decode("utf-8", "replace")[-_MOST_WORDS:]
        return {
            "code": None,
            "words": f"{said}\n{row['client']} did not end in {_SECONDS} s",
            "hook": "",
            "hook_words": "",
        }
    except OSError as error:
        raise RuntimeError(f"{row['client']} cannot be run in staging: {error}") from error
    words = done.stdout.decode("utf-8", "replace")
    said = {"hook": read_file(_FOLDER / "hook.said"), "hook_words": read_file(_FOLDER / "hook.words")[-_MOST_WORDS:]}
    return {"code": done.returncode, "words": words[-_MOST_WORDS:], **said}


def _write_tools() -> None:
    reload = " ".join(_quoted(word) for word in nginx("-s", "reload"))
    for name in _MANAGERS:
        (_TOOLS / name).write_text(_MANAGER.format(reload=reload), encoding="utf-8")
        (_TOOLS / name).chmod(0o755)


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"


def _hook(row: dict[str, Any]) -> str:
    """Write what runs after an issuance: the files where nginx reads them, then the hook, whose end is told."""
    lines = ["#!/bin/sh", *(_copied(row))]
    run = f"( {row['hook']}\n) >>{_FOLDER}/hook.words 2>&1 </dev/null"
    return "\n".join([*lines, run, f"echo ended with $? >{_FOLDER}/hook.said", ""])


def _copied(row: dict[str, Any]) -> list[str]:
    found = {"dehydrated": ("certs/$2/fullchain.pem", "certs/$2/privkey.pem")}
    found["lego"] = (f"certificates/{row['names'][0]}.crt", f"certificates/{row['names'][0]}.key")
    made = found.get(row["client"])
    if row["client"] == "certbot" and not _is_lineage(row):
        made = ("live/sluice/fullchain.pem", "live/sluice/privkey.pem")
    lines = ['[ "$1" = deploy_cert ] || exit 0'] if row["client"] == "dehydrated" else []
    if made:
        places = zip(made, (row["certificate"], row["key"]), strict=True)
        lines += [f'cp -L "{_FOLDER}/state/{source}" {_quoted(target)}' for source, target in places if target]
    return lines


def _is_lineage(row: dict[str, Any]) -> bool:
    """Return whether certbot can have its own folders: the plugin runs nginx on the files that staging has made
    there.
    """
    return row["method"] != "nginx" and Path(row["certificate"]).parent.parent == _LINEAGES


def _certbot(row: dict[str, Any]) -> list[str]:
    name = "sluice"
    folders = ["--config-dir", str(_FOLDER / "state")]
    if _is_lineage(row):
        # certbot's own folders, without what staging has made there for nginx to start with.
        name, folders = Path(row["certificate"]).parent.name, []
        for kind in ("live", "archive"):
            shutil.rmtree(_LINEAGES.parent / kind / name, ignore_errors=True)
        (_LINEAGES.parent / "renewal" / f"{name}.conf").unlink(missing_ok=True)
    webroot = str(Path(row["folder"]).parents[1]) if row["folder"] else ""
    how = ["--nginx"] if row["method"] == "nginx" else ["--webroot", "-w", webroot]
    names = [word for each in row["names"] for word in ("-d", each)]
    own = ["--work-dir", str(_FOLDER / "work"), "--logs-dir", str(_FOLDER / "logs"), *folders]
    asked = ["certbot", "certonly", "-n", "--agree-tos", "--register-unsafely-without-email", "--server", row["url"]]
    return [*asked, *how, "--cert-name", name, *names, *own, "--deploy-hook", str(_FOLDER / "hook")]


def _lego(row: dict[str, Any]) -> list[str]:
    names = [word for each in row["names"] for word in ("--domains", each)]
    webroot = str(Path(row["folder"]).parents[1])
    told = ["--server", row["url"], "--accept-tos", "--email", "staging@staging.invalid"]
    hook = ["run", "--run-hook", str(_FOLDER / "hook")]
    return ["lego", *told, "--path", str(_FOLDER / "state"), *names, "--http", "--http.webroot", webroot, *hook]


def _dehydrated(row: dict[str, Any]) -> list[str]:
    state = _FOLDER / "state"
    state.mkdir()
    config = state / "config"
    settings = {"CA": row["url"], "WELLKNOWN": row["folder"], "BASEDIR": str(state), "HOOK": str(_FOLDER / "hook")}
    config.write_text("".join(f"{name}={_quoted(value)}\n" for name, value in settings.items()), encoding="utf-8")
    _make(Path(row["folder"]))
    names = [word for each in row["names"] for word in ("-d", each)]
    return [
        "sh",
        "-c",
        'dehydrated --register --accept-terms -f "$0" && dehydrated -c -f "$0" "$@"',
        str(config),
        *names,
    ]
