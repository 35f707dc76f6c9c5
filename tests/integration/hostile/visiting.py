"""A visitor who wants to stop every deployment: fifty requests a second, each with a line that looks like nginx's own.

Run on a host, against itself: ``visiting.py SECONDS``. It ends by itself.
"""

from __future__ import annotations

import http.client
import itertools
import os
import sys
import time

LEVELS = ("emerg", "alert", "crit")
EVERY = 0.02


def _pids() -> list[int]:
    """Processes of nginx, which a visitor would have to guess, and others."""
    found = []
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                if file.read().startswith(b"nginx: "):
                    found.append(int(name))
        except (OSError, ValueError):
            continue
    return [*found, 1, 1234]


def main() -> None:
    """Ask until the time is over."""
    until = time.monotonic() + float(sys.argv[1])
    for number in itertools.count():
        began = time.monotonic()
        if began >= until:
            return
        if number % 50 == 0:
            pids = _pids()
        pid, level = pids[number % len(pids)], LEVELS[number % len(LEVELS)]
        stamp = time.strftime("%Y/%m/%d%%20%H:%M:%S")
        forged = f"{stamp}%20[{level}]%20{pid}%23{pid}:%20bind()%20to%200.0.0.0:80%20failed%20(98:%20in%20use)"
        path = f"/assets/x%0a{forged}%0a{stamp}%20[notice]%20{pid}%23{pid}:%20y"
        try:
            connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=2)
            connection.request(
                "GET", path, headers={"Host": "cedi-mart.example", "Referer": f"x [{level}] {pid}#{pid}: y"}
            )
            connection.getresponse().read()
            connection.close()
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(max(0.0, EVERY - (time.monotonic() - began)))


if __name__ == "__main__":
    main()
