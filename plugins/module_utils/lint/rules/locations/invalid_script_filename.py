"""``SCRIPT_FILENAME`` is missing, or cannot be a file, so PHP does not run.

php-fpm answers "No input file specified", "File not found", or 200 with an empty page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import BlockScope, scopes

LEVEL = "high"

_ROOT = r"\$\{?(?:document_root|realpath_root)\}?"
_FORMS = (
    (re.compile(rf"{_ROOT}/?"), "is a directory, not a file"),
    (re.compile(rf"{_ROOT}[^$/{{}}].*"), "has no slash after the document root"),
    (re.compile(r"\$\{?fastcgi_script_name\}?"), "has no document root before the script name"),
    (re.compile(r".*\$\{?(?:request_uri|args|query_string)\}?.*"), "contains the query of the request"),
    (re.compile(r"[^/$].*"), "is not an absolute path"),
)


def _php(scope: BlockScope) -> bool:
    return any("php" in word for word in [*(scope.block.args if scope.block else []), scope.value("fastcgi_pass")])


def _inherits(scope: BlockScope) -> bool:
    return any(each.args[:1] == ["SCRIPT_FILENAME"] for each in scope.effective("fastcgi_param"))


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find values of SCRIPT_FILENAME that are no file, and PHP that is passed on without one."""
    for scope in scopes(config):
        names = {each.args[0]: each for each in scope.own.get("fastcgi_param", ()) if len(each.args) > 1}
        given = names.get("SCRIPT_FILENAME")
        wrong = next((words for form, words in _FORMS if given is not None and form.fullmatch(given.args[1])), "")
        if given is not None and wrong:
            what, place, seen = f"SCRIPT_FILENAME {wrong}", given, given.text
        elif "fastcgi_pass" in scope.own and _php(scope) and not _inherits(scope):
            place, seen = scope.own["fastcgi_pass"][0], scope.text
            what = "PHP gets no SCRIPT_FILENAME, so it has no script to run"
        else:
            continue
        yield finding(
            place,
            what,
            expected="fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name",
            actual=seen,
            fix="give the absolute path of the script, as fastcgi.conf of the package does",
        )
