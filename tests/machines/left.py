"""What a power cut left on a disk, looked at without booting it: is all there that the boot or the next run needs?"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.manifest import compare, entries_from_json, read_tree
from ansible_collections.sluice.nginx.plugins.module_utils.remote import pack

__all__ = ["judge_left"]

_BLOCK = 4096
_UNIT = "etc/systemd/system/nginx.service.wants/sluice-boot.service"
# e2fsck found nothing, or has fixed what a cut always leaves.
_FIXED = 1


def judge_left(image: Path, blocks: dict[int, bytes], folder: Path) -> tuple[str, list[str]]:
    """Write ``blocks`` over a copy of ``image``, let e2fsck replay its journal as a boot does, and judge it.

    Returns in one word where the deployment was, and what is wrong.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    disk, files = folder / "disk.raw", folder / "files"
    subprocess.run(["cp", "--sparse=always", str(image), str(disk)], check=True)
    with disk.open("r+b") as file:
        for block, data in blocks.items():
            os.pwrite(file.fileno(), data, block * _BLOCK)
    checked = subprocess.run(["e2fsck", "-fy", str(disk)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if checked.returncode > _FIXED:
        return "unknown", [f"e2fsck ended with {checked.returncode}: {checked.stdout[-500:]}"]
    files.mkdir()
    (files / "var").mkdir()
    wanted = f"rdump /etc {files}\nrdump /var/lib/sluice {files / 'var'}\n"
    subprocess.run(["debugfs", "-f", "-", str(disk)], input=wanted, capture_output=True, text=True, check=True)
    disk.unlink()
    return _judge(files / "etc", files / "var/sluice")


def _judge(etc: Path, root: Path) -> tuple[str, list[str]]:
    conf = etc / "nginx"
    link = Path(os.readlink(conf)).name if conf.is_symlink() else ""
    if not link and not (conf / "nginx.conf").is_file():
        return "unknown", ["there is no /etc/nginx that nginx could start with"]
    try:
        state: dict[str, Any] | None = json.loads((root / "state.json").read_bytes())
    except FileNotFoundError:
        state = None
    except ValueError as error:
        return "unknown", [f"the state cannot be read: {error}"]
    faults = [f"set aside as damaged: {path.name}" for path in root.glob("*damaged*")]
    pending = (state or {}).get("pending")
    if pending is None:
        if not link:
            return "before", faults
        confirmed = ((state or {}).get("confirmed") or {}).get("release")
        if confirmed != link:
            faults.append(f"the link leads to {link[:12]}, and {str(confirmed)[:12]} is confirmed")
        return "confirmed", faults + _tree_faults(root, link)
    faults += _tree_faults(root, pending["before"])
    # Also before the switch: a boot then ends the trial.
    faults += _boot_faults(etc, root)
    if link not in ("", pending["before"], pending["release"]):
        faults.append(f"the link leads to {link[:12]}, of which the state knows nothing")
    return str(pending["phase"]), faults


def _tree_faults(root: Path, release: str) -> list[str]:
    """Return what keeps a release from being served: its tree is not whole, and neither is its pristine copy."""
    try:
        manifest = entries_from_json(json.loads((root / f"meta/{release}.json").read_bytes())["manifest"])
    except (OSError, ValueError, KeyError) as error:
        return [f"what is known of release {release[:12]} cannot be read: {error}"]
    tree = root / "releases" / release
    if not tree.is_dir():
        return [f"release {release[:12]} has no tree"]
    different = compare(manifest, read_tree(tree))
    return [f"{each.path} of release {release[:12]} is {each.what}" for each in different[:3]]


def _boot_faults(etc: Path, root: Path) -> list[str]:
    """Return what keeps a boot from leading the link back: its unit, the script, or the engine is not whole."""
    faults = []
    unit, script = etc / "systemd/system/sluice-boot.service", root / "watchdog.py"
    if not (etc.parent / _UNIT).is_symlink() or not unit.is_file() or "watchdog.py boot" not in unit.read_text():
        faults.append("the unit that comes before nginx is not there")
    found = re.search(r"engine/([0-9a-f]+)", script.read_text()) if script.is_file() else None
    if found is None:
        return [*faults, "the watchdog's script is not there"]
    engine = root / "engine" / found.group(1)
    for path, text in json.loads(pack().content).items():
        if not (engine / path).is_file() or (engine / path).read_text(encoding="utf-8") != text:
            return [*faults, f"{path} of the engine is not whole"]
    return faults
