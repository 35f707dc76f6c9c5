"""The published schema of records, and records to hold to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest


@pytest.fixture(scope="session")
def published(project: Path) -> jsonschema.Draft202012Validator:
    """What ``docs/schemas/run-3.json`` says a record is."""
    schema: dict[str, Any] = json.loads((project / "docs/schemas/run-3.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)
