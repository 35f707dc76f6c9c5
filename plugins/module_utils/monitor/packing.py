"""The program that hosts run, as one file: a zip that Python starts, the same bytes for the same sources."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from .. import remote

__all__ = ["pack_program"]

_MAIN = """\
import sys

from sluice.monitor.host.main import main

main(sys.argv[1:])
"""
# The beginning of time, for zip.
_WHEN = (1980, 1, 1, 0, 0, 0)


def pack_program() -> bytes:
    """Pack the program, with the engine that it looks with: what a deployment puts on the host may change under it."""
    here = Path(__file__).parent
    sources = {**remote.sources(), "sluice/monitor/__init__.py": "", "__main__.py": _MAIN}
    for path in sorted((here / "host").glob("*.py")):
        sources[f"sluice/monitor/host/{path.name}"] = path.read_text(encoding="utf-8")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in sorted(sources.items()):
            archive.writestr(zipfile.ZipInfo(name, _WHEN), text, zipfile.ZIP_DEFLATED)
    return packed.getvalue()
