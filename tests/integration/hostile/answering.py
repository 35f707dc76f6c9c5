"""A host that somebody else owns: this stands there in the place of Python, and answers what ``/tmp/says`` names.

It is put on a host by ``tests/integration/test_hostile.py``, and needs nothing but Python itself.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import sys
import tarfile

MARKER = "SLUICE-ANSWER "
WHOLE = {"ok": True, "changed": True, "problems": [], "warnings": [], "steps": []}
ELSEWHERE = "../../../../escaped"


def _tree() -> str:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        content = b"pwned: \"{{ lookup('pipe', 'touch escaped-by-template') }}\"\n"
        entry = tarfile.TarInfo("pwn.yml")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return base64.b64encode(gzip.compress(packed.getvalue())).decode()


def _answers() -> dict[str, object]:
    escapes = "\x1b[2J\x1b]0;pwned\x07\n::error file=deploy.yml::pwned\n\u202e"
    return {
        "a path for a release": {**WHOLE, "live": ELSEWHERE, "release": ELSEWHERE, "tree": _tree(), "withheld": []},
        "another tree than it names": {**WHOLE, "live": "0" * 64, "tree": _tree(), "withheld": [], "contract": None},
        "numbers for lists": {**WHOLE, "problems": 5, "warnings": 7, "live": 3, "needs": "x"},
        "no object": [1, 2, 3],
        "nothing good": {"ok": True},
        "escapes": {**WHOLE, "ok": False, "warnings": [escapes], "problems": [{"what": escapes, "fix": "@everyone"}]},
        "deep": json.loads("[" * 900 + "]" * 900),
        "not a number": float("nan"),
        "a template": {
            **WHOLE,
            "ok": False,
            "problems": [{"what": "{{ lookup('pipe', 'touch escaped-by-template') }}"}],
        },
    }


def main() -> None:
    """Answer, whatever was asked."""
    sys.stdin.buffer.read()
    with open("/tmp/says", encoding="utf-8") as file:
        wanted = file.read().strip()
    out = sys.stdout.buffer
    if wanted == "too much":
        # Little above the bound: what Ansible itself reads of a host takes it time by the square.
        out.write(b"x" * (1 << 20))
        out.write(b"\n" + MARKER.encode() + b'{"ok": true, "live": "' + b"a" * (32 << 20) + b'"}\n')
    elif wanted == "noise":
        out.write(os.urandom(100_000) + b"\n" + MARKER.encode() + os.urandom(1000) + b"\n")
    else:
        out.write(f"\n{MARKER}{json.dumps(_answers()[wanted])}\n".encode("utf-8", "surrogatepass"))
    out.flush()


if __name__ == "__main__":
    main()
