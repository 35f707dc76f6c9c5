"""Print how to look at the sandbox: its record, its monitors, and requests to its web hosts, at their ports of now."""

from __future__ import annotations

import json
import os
from pathlib import Path


def commands(fleet: dict[str, dict[str, dict[str, int]]]) -> list[str]:
    """Give requests to each web host, for both sites."""
    lines = []
    for name, host in fleet.items():
        if not name.startswith("web"):
            continue
        shop = f"--connect-to cedi-mart.example:80:127.0.0.1:{host['ports']['http']}"
        api = f"--connect-to shwitter.example:443:127.0.0.1:{host['ports']['https']}"
        lines.append(f"curl {shop} 'http://cedi-mart.example/orders/track?id=42'   # {name}, the shop")
        lines.append(f"curl --insecure {api} 'https://shwitter.example/v2/profile?id=1'   # {name}, the API")
    return lines


def places(fleet: dict[str, dict[str, dict[str, int]]], runs: Path) -> list[str]:
    """Return what a browser opens: the last run's record, and what watches the fleet."""
    reports = sorted(runs.glob("*/report.html"))
    lines = [f"the record     file://{reports[-1]}"] if reports else []
    for host in fleet.values():
        for what, path in (("prometheus", "alerts"), ("alertmanager", ""), ("receiver", "messages")):
            if what in host["ports"]:
                lines.append(f"{what:<14} http://127.0.0.1:{host['ports'][what]}/{path}")
    return lines


def main() -> None:
    root = Path(__file__).resolve().parent.parent
    folder = root / ".sluice/fleets" / (os.environ.get("SLUICE_SANDBOX") or "sandbox")
    fleet = json.loads((folder / "fleet.json").read_text())
    print("\n".join([*places(fleet, root / ".sluice" / "runs"), *commands(fleet)]))
    print(f"ssh -F {folder.relative_to(root)}/ssh_config {min(fleet, key=lambda name: not name.startswith('web'))}")


if __name__ == "__main__":
    main()
