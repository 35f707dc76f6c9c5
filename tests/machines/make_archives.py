"""make_archives.py FOLDER: makes archives with newer versions of the nginx of this machine, of what is installed here.

It runs on a machine, which has dpkg, and neither a network nor Debian's tools for archives.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

PACKAGES = ("nginx-common", "nginx")
# By the archive: the ending of its version, which is less than any that Debian would give the next one, and the
# configuration files that are new in it.
ARCHIVES = {
    "new": ("+b1", ("fastcgi_params", "mime.types")),
    "newer": ("+b2", ("fastcgi_params", "mime.types", "nginx.conf")),
}
INFO = Path("/var/lib/dpkg/info")
# dpkg says them of what is installed.
OF_STATUS = ("Status", "Conffiles", "Config-Version")


def said(*argv: str) -> str:
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout


def control_of(package: str, old: str, new: str) -> str:
    """Return the control file of a package in its new version."""
    fields: list[str] = []
    for line in said("dpkg-query", "-s", package).splitlines():
        if line[:1] in (" ", ""):
            fields[-1] += f"\n{line}"
        else:
            fields.append(line)
    kept = [field for field in fields if field.partition(":")[0] not in OF_STATUS]
    text = "\n".join(field.replace(f"Version: {old}", f"Version: {new}") for field in kept)
    return text.replace(f"nginx-common (= {old})", f"nginx-common (= {new})") + "\n"


def make(package: str, root: Path, control: str, changed: Iterable[str], version: str) -> None:
    """Lay out a package below ``root``."""
    own = root / "DEBIAN"
    own.mkdir(parents=True)
    listed = said("dpkg-query", "-L", package).splitlines()
    # Packages name folders as /lib, which is a link on hosts.
    folders = {str(parent) for line in listed for parent in Path(line).parents}
    for line in listed:
        source, place = Path(line), root / line.lstrip("/")
        if line in folders or (source.is_dir() and not source.is_symlink()):
            place.mkdir(parents=True, exist_ok=True)
        elif os.path.lexists(source):
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, place, follow_symlinks=False)
    for path in INFO.glob(f"{package}.*"):
        if path.suffix not in (".list", ".md5sums"):
            shutil.copy(path, own / path.suffix[1:])
    (own / "control").write_text(control)
    conffiles = (own / "conffiles").read_text().split() if (own / "conffiles").exists() else []
    for name in changed:
        if f"/etc/nginx/{name}" in conffiles:
            with (root / "etc/nginx" / name).open("a") as file:
                file.write(f"# {version}\n")
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and not path.is_symlink()]
    brought = [path for path in files if own not in path.parents and f"/{path.relative_to(root)}" not in conffiles]
    rows = [f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(root)}\n" for path in brought]
    (own / "md5sums").write_text("".join(rows))


def main() -> None:
    old = said("dpkg-query", "-W", "-f", "${Version}", "nginx")
    for name, (ending, changed) in ARCHIVES.items():
        archive = Path(sys.argv[1], name)
        archive.mkdir(parents=True)
        index = ""
        for package in PACKAGES:
            version = old + ending
            control, root = control_of(package, old, version), archive / "root"
            make(package, root, control, changed, version)
            deb = archive / f"{package}_{ending[1:]}.deb"
            # Nothing is squeezed: an emulator is long at it.
            said("dpkg-deb", "-Znone", "--build", str(root), str(deb))
            shutil.rmtree(root)
            data = deb.read_bytes()
            row = f"Filename: ./{deb.name}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
            index += f"{control}{row}\n"
        (archive / "Packages").write_text(index)
        listed = f" {hashlib.sha256(index.encode()).hexdigest()} {len(index.encode())} Packages\n"
        words = {"Origin": "Archive", "Label": "Archive", "Suite": "stable", "Codename": "trixie"}
        rows = "".join(f"{key}: {value}\n" for key, value in words.items())
        (archive / "Release").write_text(f"{rows}Date: {said('date', '-Ru').strip()}\nSHA256:\n{listed}")


main()
