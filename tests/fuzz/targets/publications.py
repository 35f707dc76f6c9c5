"""What is published for a host that pulls, as the host reads it once its signature held."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.system import System
from ansible_collections.sluice.nginx.plugins.module_utils.engine.pull import document
from ansible_collections.sluice.nginx.plugins.module_utils.engine.session import Session
from ansible_collections.sluice.nginx.plugins.module_utils.engine.store import Layout
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError

from ..mutation import json_values, texts

ALLOWED = (SluiceError,)
_PART = {"sha256": "a" * 64, "bytes": 7}
_GOOD: dict[str, Any] = {
    **{"schema": 2, "kind": "publish", "at": "2026-11-21T13:30:00.000Z", "expires": "2099-01-01T00:00:00.000Z"},
    **{"number": 1, "inventory": "edge", "target": "web1", "release": "b" * 64, "description": _PART, "bundle": _PART},
    **{
        "fleet": _PART,
        "bake": 1,
        "confirm_timeout": 30,
        "keep": 5,
        "drift": "refuse",
        "canary": {"percent": 1, "minutes": 1},
    },
}


def run(data: bytes) -> None:
    """Read it; a statement whose signature holds may have any form still."""
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(document, "verify", return_value=[]):
        root = Path(folder)
        (root / "inventory").write_text("edge\n")
        layout = Layout(root=root, runtime=root, allowed_signers=root / "allowed_signers")
        session = Session(System(), layout, {"id": "r", "who": "w", "from": "f"}, own=True)
        found = document.read_desired(session, data, "web1")
        assert found.bundle.path.startswith("content/")


def inputs() -> st.SearchStrategy[bytes]:
    """Draw statements with odd values."""
    more = st.dictionaries(st.sampled_from([*_GOOD, "x"]), st.one_of(json_values(), texts()), max_size=3)
    statements = st.one_of(more.map(lambda odd: {**_GOOD, **odd}), json_values())
    return statements.map(lambda each: json.dumps({"statement": each, "signature": ""}).encode())
