"""How runs went: the rows that ``journal`` takes."""

from __future__ import annotations

from typing import Any

from .conftest import NEW, OLD

Row = tuple[str, str, str | None, dict[str, Any]]

GATES = {"release": NEW, "hosts": ["web1", "web2"], "passed": True, "invented": [], "live": OLD, "blame": None}

PASSED: Row = ("", "gate", None, {"releases": [{**GATES, "verdicts": []}]})

BLAME = {
    "sets": [
        {
            "fails": {"smoke": ["the front page lists what is sold"]},
            "parts": [
                {
                    "file": "sites-enabled/shop.conf",
                    "line": 38,
                    "old": ["    location ~ \\.php$ {"],
                    "new": ["    location ~ \\.phpp$ {"],
                    "origin": "roles/nginx/templates/site.conf.j2",
                    "variable": "nginx_sites[0].php",
                }
            ],
            "more": 0,
            "heals": True,
            "whole": True,
        }
    ],
    "tried": 9,
    "edits": 50,
    "seconds": 4.2,
    "whole": True,
    "note": "",
}


def verdict(gate: str, result: str, summary: str, *findings: dict[str, Any]) -> dict[str, Any]:
    return {
        "gate": gate,
        "result": result,
        "summary": summary,
        "findings": list(findings),
        "evidence": {},
        "seconds": 1.0,
    }


FINDING = {
    "what": "the front page lists what is sold: expected the body to contain '/products/teapot'",
    "file": "sites-enabled/shop.conf",
    "line": 38,
    "origin": "roles/nginx/templates/site.conf.j2",
    "check": "the front page lists what is sold",
    "seen": "GET http://shop.example/: status 200",
    "warning": False,
}
SLOPPY = {"what": "a little sloppy", "file": "nginx.conf", "line": 2, "check": "", "warning": True}

REFUSED: Row = (
    "",
    "gate",
    "",
    {
        "problems": [],
        "releases": [
            {
                **GATES,
                "passed": False,
                "verdicts": [
                    verdict("lint", "pass", "nothing at level high", SLOPPY),
                    verdict("smoke", "fail", "the front page lists what is sold", FINDING, SLOPPY),
                    verdict("verify", "not run", "not run: smoke failed"),
                ],
                "blame": BLAME,
            }
        ],
    },
)

LOOKED: list[Row] = [("web1", "preflight", None, {}), ("web2", "preflight", None, {})]
BACK = {"operation": "revert", "reverted": True, "release": OLD, "means": "reload"}

CONFIRMED: list[Row] = [
    PASSED,
    *LOOKED,
    ("web1", "activate", None, {}),
    ("web2", "activate", None, {}),
    ("web1", "settle", None, {"operation": "confirm"}),
    ("web2", "settle", None, {"operation": "confirm"}),
]

CHECK = "the check 'an order is tracked' does not hold on this host: expected status 200, got 404"
SEEN = {"problems": [{"what": CHECK, "seen": "GET https://shop.example/orders/track?id=42: status 404"}]}

WENT_BACK: list[Row] = [
    PASSED,
    *LOOKED,
    ("web1", "activate", None, {"asked": "2026-11-21T14:00:16.000Z"}),
    ("web2", "activate", CHECK, {**SEEN, "reverted": True}),
    ("web1", "settle", None, BACK),
    ("web2", "settle", None, {**BACK, "reverted": None}),
]

LOST: list[Row] = [
    PASSED,
    *LOOKED,
    ("web1", "activate", None, {}),
    ("web2", "activate", None, {}),
    ("web1", "bake", "nginx's workers died", {}),
    ("web1", "settle", "the way back failed", {"operation": "revert", "broken": True, "reverted": False}),
    ("web2", "settle", None, BACK),
    ("web1", "mend", "the way back failed", {"operation": "revert", "broken": True, "reverted": False}),
]

UNTOUCHED: list[Row] = [
    PASSED,
    ("web1", "preflight", "this host runs another platform than staging", {}),
    ("web2", "preflight", None, {}),
]

DRIFT = {
    "what": "the live tree was changed on the host since it was deployed (drift)",
    "expected": "the files of the live release",
    "seen": "nginx.conf (changed)",
}
DRIFTED: list[Row] = [PASSED, ("web1", "preflight", None, {}), ("web2", "preflight", "drift", {"problems": [DRIFT]})]

NOT_ASKED: Row = ("", "gate", "Docker does not answer at unix:///run/docker.sock", {"releases": []})
UNCHANGED: list[Row] = [PASSED, ("web1", "preflight", None, {"changes_needed": False, "live": NEW})]
