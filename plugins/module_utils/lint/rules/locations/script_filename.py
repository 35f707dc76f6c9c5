"""A ``SCRIPT_FILENAME`` that cannot be a file, or none at all: php-fpm then says "No input file specified", "File not
found", or answers 200 with an empty page.
"""

from __future__ import annotations

import re

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import Context
from ...scopes import Scope, scopes

LEVEL = "high"

_ROOT = r"\$\{?(?:document_root|realpath_root)\}?"
_SHAPES = (
    (re.compile(rf"{_ROOT}/?"), "is a directory and no file"),
    (re.compile(rf"{_ROOT}[^$/{{}}].*"), "has no slash after the document root"),
    (re.compile(r"\$\{?fastcgi_script_name\}?"), "has no document root before it"),
    (re.compile(r".*\$\{?(?:request_uri|args|query_string)\}?.*"), "has the query of the request in it"),
    (re.compile(r"[^/$].*"), "is no absolute path"),
)


def _php(scope: Scope) -> bool:
    return any("php" in word for word in [*(scope.block.args if scope.block else []), scope.value("fastcgi_pass")])


def run(config: Config, context: Context) -> list[Finding]:
    """Find values of SCRIPT_FILENAME that name no file, and PHP that is passed on without one."""
    findings = []
    for scope in scopes(config):
        names = {each.args[0]: each for each in scope.own.get("fastcgi_param", ()) if len(each.args) > 1}
        given = names.get("SCRIPT_FILENAME")
        wrong = [words for shape, words in _SHAPES if given is not None and shape.fullmatch(given.args[1])]
        if given is not None and wrong:
            what, place, seen = f"SCRIPT_FILENAME {wrong[0]}", given, " ".join([given.name, *given.args])
        elif "fastcgi_pass" in scope.own and _php(scope) and not _inherits(scope):
            place = scope.own["fastcgi_pass"][0]
            what, seen = "PHP is passed on without a SCRIPT_FILENAME: it has no script to run", scope.words
        else:
            continue
        findings.append(
            Finding(
                what,
                file=place.file,
                line=place.line,
                expected="fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name",
                seen=seen,
                mend="give the absolute path of the script; fastcgi.conf of the package has it",
            )
        )
    return findings


def _inherits(scope: Scope) -> bool:
    inforce = [each.args[0] for each in scope.effective("fastcgi_param") if each.args]
    return "SCRIPT_FILENAME" in inforce
