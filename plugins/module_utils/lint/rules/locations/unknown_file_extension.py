r"""A file extension in the configuration is close to one that exists, but no file has it.

nginx accepts ``location ~ \.phpp$``: it then hands out the source of every PHP file as text, or answers 404. The
document root says which extensions exist where it is known (``staging_docroots``), otherwise the live release does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....closest_match import closest_matches, is_typo
from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "high"

# What PHP has been called over the years: configurations list them all, whichever a site has.
_PHP = frozenset({"php", "php3", "php4", "php5", "php7", "php8", "phps", "pht", "phtml", "phar", "inc"})

# Whoever serves these may have none in live yet.
_OF_WEB = frozenset(
    {
        *("avif", "bmp", "css", "csv", "eot", "gif", "gz", "htm", "html", "ico", "jpeg", "jpg", "js", "json", "map"),
        *("mjs", "mp3", "mp4", "ogg", "otf", "pdf", "png", "svg", "svgz", "tar", "tif", "tiff", "ttf", "txt", "wasm"),
        *("webm", "webmanifest", "webp", "woff", "woff2", "xml", "zip"),
    }
)

# What follows a slash is a hidden file: /\.ht is .htaccess and .htpasswd.
_IN_REGEX = re.compile(r"(?<!/)\\\.(?:\(\?:|\()?([a-z0-9|]+)\)?(?=\$|\(|/|$)", re.IGNORECASE)
_IN_PATH = re.compile(r"\.([a-z][a-z0-9]*)$", re.IGNORECASE)


def _named(directive: Directive) -> list[str]:
    if not directive.args:
        return []
    if directive.name == "location" and directive.args[0] in ("~", "~*"):
        return [part for match in _IN_REGEX.findall(directive.args[-1]) for part in match.split("|") if part]
    if directive.name in ("index", "fastcgi_index", "try_files"):
        words = directive.args
    elif directive.name == "fastcgi_param" and directive.args[0] == "SCRIPT_FILENAME":
        words = directive.args[1:]
    else:
        return []
    return [match.group(1) for word in words if (match := _IN_PATH.search(word.split("?")[0]))]


def _with_roots(directives: list[Directive], root: str) -> Iterator[tuple[Directive, str]]:
    for directive in directives:
        if directive.name in ("root", "alias") and directive.args:
            root = directive.args[0]
    for directive in directives:
        yield directive, root
        yield from _with_roots(directive.block or [], root)


def _all_named(config: Config | None) -> frozenset[str]:
    found = config.walk() if config else ()
    return frozenset(extension.lower() for directive in found for extension in _named(directive))


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find extensions that exist nowhere below the document root, or in live, and are close to one that does."""
    # What mime.types names is an extension that people use, as htm where only html is.
    usual = {extension for types in config.named("types") for row in types.block or [] for extension in row.args}
    lived = _all_named(context.live)
    for directive, root in _with_roots(config.directives, ""):
        known = context.extensions_below(root) if root else frozenset()
        for extension in _named(directive):
            if extension.lower() in known | usual | _PHP | lived or (not known and extension.lower() in _OF_WEB):
                continue
            if known:
                near = closest_matches(extension.lower(), sorted(known), 1)
                what, others = f"no file below {root} ends in .{extension}", sorted(known)
            else:
                near = [each for each in sorted(lived) if len(each) > 2 and is_typo(extension.lower(), each)]
                what, others = f"the live release has no .{extension}", sorted(lived)
            if near:
                yield finding(
                    directive,
                    f"{what}; did you mean .{near[0]}?",
                    expected=f"an extension that exists there: {', '.join(others)}",
                    fix=f"write .{near[0]}, or add a file with .{extension}",
                )
