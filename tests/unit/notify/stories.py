"""How runs went: the rows that ``journal`` takes."""

from __future__ import annotations

from typing import Any

from .conftest import NEW, OLD

Row = tuple[str, str, str | None, dict[str, Any]]

GATES = {"release": NEW, "hosts": ["web1", "web2"], "passed": True, "synthesized": [], "live": OLD, "culprits": None}

PASSED: Row = ("", "gate", None, {"releases": [{**GATES, "verdicts": []}]})

CULPRIT = {
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
            "fixes": True,
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
    "actual": "GET http://shop.example/: status 200",
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
                "culprits": CULPRIT,
            }
        ],
    },
)

LOOKED: list[Row] = [("web1", "preflight", None, {}), ("web2", "preflight", None, {})]
BACK = {"operation": "rollback", "rolled_back": True, "release": OLD, "means": "reload"}

CONFIRMED: list[Row] = [
    PASSED,
    *LOOKED,
    ("web1", "activate", None, {}),
    ("web2", "activate", None, {}),
    ("web1", "finalize", None, {"operation": "confirm"}),
    ("web2", "finalize", None, {"operation": "confirm"}),
]

CHECK = "the check 'an order is tracked' does not hold on this host: expected status 200, got 404"
SEEN = {"problems": [{"what": CHECK, "actual": "GET https://shop.example/orders/track?id=42: status 404"}]}

WENT_BACK: list[Row] = [
    PASSED,
    *LOOKED,
    ("web1", "activate", None, {"asked": "2026-11-21T14:00:16.000Z"}),
    ("web2", "activate", CHECK, {**SEEN, "rolled_back": True}),
    ("web1", "finalize", None, BACK),
    ("web2", "finalize", None, {**BACK, "rolled_back": None}),
]

LOST: list[Row] = [
    PASSED,
    *LOOKED,
    ("web1", "activate", None, {}),
    ("web2", "activate", None, {}),
    ("web1", "bake", "nginx's workers died", {}),
    ("web1", "finalize", "the rollback failed", {"operation": "rollback", "broken": True, "rolled_back": False}),
    ("web2", "finalize", None, BACK),
    ("web1", "retry_rollback", "the rollback failed", {"operation": "rollback", "broken": True, "rolled_back": False}),
]

UNTOUCHED: list[Row] = [
    PASSED,
    ("web1", "preflight", "this host runs another platform than staging", {}),
    ("web2", "preflight", None, {}),
]

DRIFT = {
    "what": "the live tree was changed on the host since it was deployed (drift)",
    "expected": "the files of the live release",
    "actual": "nginx.conf (changed)",
}
DRIFTED: list[Row] = [PASSED, ("web1", "preflight", None, {}), ("web2", "preflight", "drift", {"problems": [DRIFT]})]

NOT_ASKED: Row = ("", "gate", "Docker does not answer at unix:///run/docker.sock", {"releases": []})
UNCHANGED: list[Row] = [PASSED, ("web1", "preflight", None, {"changes_needed": False, "live": NEW})]
