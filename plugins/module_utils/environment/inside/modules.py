"""nginx's dynamic modules: those that the release loads, and those that staging supplies without touching a byte.

The image has every module of the distribution set aside, with the files that would enable them; the numbers of these
are the order in which modules must be loaded.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from ...engine.host.known import SERVICES
from ...engine.host.starter import UNIT_FOLDERS
from ...nginx_build import read_build
from .common import HOME

__all__ = ["nginx", "own_prefix", "providers", "spare", "start_as_unit", "supply", "withdraw", "withdraw_all"]

_SPARE = Path("/usr/share/sluice/modules")
_GLOBALS = HOME / "globals"
_UNIT = HOME / "unit"
_UNITS = tuple(Path(folder, f"{name}.service") for name in SERVICES for folder in UNIT_FOLDERS)
# As in ExecStart=/usr/sbin/nginx -g 'daemon on; master_process on;'
_STARTS = re.compile(r"""^ExecStart=\S+.*?\s-g\s+(?P<quote>['"])(?P<globals>.*?)(?P=quote)""", re.MULTILINE)
_LOADS = re.compile(r'^\s*load_module\s+"?([^";\s]+)', re.MULTILINE)
# What another module needs and nobody's directive names.
_BEFORE = {
    "ngx_http_lua_module.so": "ndk_http_module.so",
    "ngx_http_set_misc_module.so": "ndk_http_module.so",
    "ngx_stream_geoip_module.so": "ngx_stream_module.so",
    "ngx_stream_geoip2_module.so": "ngx_stream_module.so",
    "ngx_stream_js_module.so": "ngx_stream_module.so",
}


def _in_order() -> list[str]:
    """The file names of all modules that can be supplied, in the order in which they must be loaded."""
    found: dict[str, None] = {}
    for recipe in sorted(_SPARE.glob("*.conf")):
        for path in _LOADS.findall(recipe.read_text(errors="replace")):
            found[os.path.basename(path)] = None
    return [name for name in found if (_SPARE / name).exists()]


def providers(directive: str, context: str = "") -> list[str]:
    """List the modules that may know a directive, the likeliest first: those whose object files have its name.

    It may be there as the end of a longer one (``stream`` of ``upstream``), so that only nginx can tell for sure.
    """
    word = directive.encode() + b"\0"
    found = {name: (_SPARE / name).read_bytes() for name in _in_order()}
    likely = [name for name, code in found.items() if word in code]

    def rank(name: str) -> tuple[bool, bool, bool]:
        known = b"\0" + word in found[name]
        return f"_{directive}_" not in name, f"_{context}_" not in name, not known

    return sorted(likely, key=rank)


def _supplied() -> list[str]:
    """The modules that staging supplies."""
    return _LOADS.findall(_GLOBALS.read_text().replace(";", ";\n")) if _GLOBALS.exists() else []


def supply(names: list[str]) -> list[str]:
    """Load these modules from now on, with what they need; returns the file names of those that are new."""
    before = [os.path.basename(path) for path in _supplied()]
    wanted = {*before, *names, *(_BEFORE[name] for name in names if name in _BEFORE)}
    lines = [f"load_module {_SPARE}/{name};" for name in _in_order() if name in wanted]
    _GLOBALS.write_text(" ".join(lines))
    return sorted(wanted - set(before))


def withdraw(*names: str) -> bool:
    """Supply modules no more; tells whether one of them was supplied."""
    before = _supplied()
    left = [path for path in before if os.path.basename(path) not in names]
    _GLOBALS.write_text(" ".join(f"load_module {path};" for path in left))
    return left != before


def withdraw_all() -> None:
    """Supply no module any more."""
    withdraw(*(os.path.basename(path) for path in _supplied()))


def start_as_unit(units: Iterable[Path] = _UNITS) -> str:
    """Start nginx with what the package's unit gives it by ``-g`` from now on; tells what that is."""
    texts = [unit.read_text(errors="replace") for unit in units if unit.is_file()]
    found = next((match for text in texts for match in [_STARTS.search(text)] if match), None)
    given = found["globals"].strip() if found else ""
    _UNIT.write_text(given)
    return given


def own_prefix() -> str:
    """Return the folder to which this nginx takes relative paths to be relative."""
    said = subprocess.run(["nginx", "-V"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False).stdout
    built = read_build(said.decode("utf-8", "replace"))
    return built.prefix if built else ""


def spare(name: str) -> Path | None:
    """The file of a module that was set aside."""
    path = _SPARE / os.path.basename(name)
    return path if path.exists() else None


def nginx(*arguments: str) -> list[str]:
    """The command that runs nginx, as its unit does where that is wanted, with the modules that staging supplies."""
    given = " ".join(file.read_text().strip() for file in (_UNIT, _GLOBALS) if file.exists()).strip()
    return ["nginx", *arguments, *(["-g", given] if given else [])]
