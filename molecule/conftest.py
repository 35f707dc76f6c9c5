"""What the verifiers of all scenarios share. The fixture ``host`` is testinfra's: each web host in turn."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

SHARED = Path(__file__).resolve().parent / "shared"
sys.path.insert(0, str(SHARED))

import client  # noqa: E402 - it lies beside the playbooks
