"""From a host's variables to its tree: packaged files, then rendered sites, then the raw tree."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from ..contract.model import Check, parse_contract, to_json
from ..errors import InputError, SluiceError
from ..packages import jinja2
from ..sites.lines import variables_of
from ..sites.model import parse_sites
from ..sites.plan import TemplatedFile, plan
from ..sites.printing.directives import directives, quote
from ..storage import path_of
from ..tree_reader import paths_inside, read_inside
from . import tree as trees
from .interning import Texts

__all__ = [
    "KEPT_ROOT",
    "Rendered",
    "Template",
    "Variant",
    "contract_of",
    "group",
    "raw_folder",
    "raw_variables",
    "render",
]

KEPT_ROOT = "/var/lib/sluice/shared"

Template = Callable[[str, Mapping[str, Any]], str]
"""Renders a template's text with variables; raises ``SluiceError`` in words."""


@dataclass(frozen=True)
class Variant:
    """Hosts whose variables are the same where they count, and these variables."""

    hosts: tuple[str, ...]
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Rendered:
    """A tree, the checks that it must hold, and the paths in it that outlive releases."""

    tree: trees.Tree
    contract: tuple[Check, ...]
    shared: tuple[str, ...]

    def contract_json(self) -> list[dict[str, Any]]:
        """The checks as plain data."""
        return [dict(to_json(check)) for check in self.contract]


def group(settings: Mapping[str, Mapping[str, Any]]) -> list[Variant]:
    """Group hosts by equal settings, in the order of their first host."""
    texts = Texts(ordered=True)
    hosts: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for host, values in settings.items():
        hosts.setdefault(tuple((name, texts.text(values[name])) for name in sorted(values)), []).append(host)
    return [Variant(tuple(names), settings[names[0]]) for names in hosts.values()]


def raw_variables(root: Path) -> set[str]:
    """Return the variables that the templates of a raw tree read.

    Raises ``SluiceError`` with file and line for a template that Jinja cannot read.
    """
    environment = jinja2.Environment(autoescape=False)  # nginx is not HTML, and nothing is rendered here
    found: set[str] = set()
    for name in paths_inside(root):
        # A link is data; _raw_layer says that it is no template.
        if not name.endswith(".j2") or (root / name).is_symlink():
            continue
        try:
            found |= jinja2.meta.find_undeclared_variables(environment.parse(read_inside(root, name).decode()))
        except jinja2.TemplateSyntaxError as error:
            raise SluiceError(f"{root / name}:{error.lineno}: {error.message}") from error
        except UnicodeDecodeError as error:
            words = f"{root / name} is not UTF-8, so it cannot be a template; rename it without .j2"
            raise SluiceError(words) from error
    return found


def raw_folder(project: Path, wanted: str) -> Path:
    """Return the folder that ``nginx_tree`` names. Raises ``InputError`` where it is none.

    A path within the project must not leave it by a link: whoever may change the tree would choose what is read.
    """
    folder = path_of(project, wanted)
    within = Path(os.path.normpath(folder)).is_relative_to(project)
    if within and not folder.resolve().is_relative_to(project.resolve()):
        words = f"{wanted} leads out of the project by a link, to {folder.resolve()}; name the directory itself"
        raise InputError("nginx_tree", words)
    if not folder.is_dir():
        found = "is no directory" if folder.exists() else "does not exist"
        raise InputError("nginx_tree", f"{folder} {found}; name a directory that is laid over /etc/nginx")
    return folder


def _typed_layer(planned: Sequence[TemplatedFile], templates: Path) -> trees.Tree:
    """Print what comes of the variables.

    The values are plain data, and the templates read nothing else. Ansible would look for templates in every word of
    them, which takes a hundred times as long.
    """
    environment = _environment(templates)
    layer: trees.Tree = {}
    for each in planned:
        text = environment.get_template(each.template).render(each.variables)
        made = trees.file(text.encode(), f"roles/nginx/templates/{each.template}")
        layer[each.path] = replace(made, variables=tuple(variables_of(each, text)))
    return layer


@functools.lru_cache(maxsize=8)
def _environment(templates: Path) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # nginx is not HTML
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"sluice.nginx.nginx_quote": quote, "sluice.nginx.directives": directives}
    return environment


def _raw_layer(folder: Path, origin: str, template: Template, variables: Mapping[str, Any]) -> trees.Tree:
    layer = trees.read_layer(folder, origin)
    if not layer:
        raise InputError("nginx_tree", f"{folder} is empty; put nginx configuration files in it, or unset nginx_tree")
    for path in [name for name, node in layer.items() if name.endswith(".j2") and node.kind != "dir"]:
        node = layer.pop(path)
        if node.kind == "link":
            raise InputError("nginx_tree", f"{node.origin} is a link, and a template is a file; rename it without .j2")
        target = path.removesuffix(".j2")
        if not target or target.endswith("/"):
            raise InputError("nginx_tree", f"{node.origin} is a template without a name; rename it, or remove it")
        if target in layer:
            raise InputError("nginx_tree", f"{folder} has both {target} and {path}; keep one of them")
        try:
            text = template(node.data.decode(), variables)
        except SluiceError as error:
            raise InputError("nginx_tree", f"{node.origin} cannot be rendered: {error}") from error
        layer[target] = trees.Node(node.kind, node.mode, text.encode(), node.origin)
    return layer


def _kept_layer(paths: list[Any]) -> trees.Tree:
    layer: trees.Tree = {}
    for index, path in enumerate(paths):
        name = str(path).strip("/")
        if not name or str(path).startswith("/") or ".." in name.split("/") or str(PurePosixPath(name)) != name:
            raise InputError(
                f"nginx_shared_paths[{index}]",
                f"{path!r} is not a path inside /etc/nginx; write it as 'ssl' or 'conf.d/htpasswd'",
            )
        layer[name] = trees.link(f"{KEPT_ROOT}/{name}", f"nginx_shared_paths[{index}]")
    return layer


def contract_of(settings: Mapping[str, Any]) -> list[Check]:
    """Gather the checks of the typed sites and of the raw tree. Raises ``InputError``."""
    sites = parse_sites(settings.get("nginx_sites") or [])
    found = [check for site in sites for check in parse_contract(site.checks, site.checks_source, site.name)]
    return found + parse_contract(settings.get("nginx_checks") or [], "nginx_checks")


def render(
    settings: Mapping[str, Any],
    packaged: trees.Tree,
    templates: Path,
    template: Template,
    variables: Mapping[str, Any],
    project: Path,
) -> Rendered:
    """Render the tree of a variant.

    ``settings`` are the variables of the role nginx, ``packaged`` is the platform's own /etc/nginx, ``templates`` the
    role's folder of templates, ``variables`` what the templates of a raw tree may read, ``project`` the folder that a
    relative ``nginx_tree`` starts from. Raises ``InputError`` and ``SluiceError``.
    """
    contract = contract_of(settings)
    layers = [packaged, _typed_layer(plan(settings), templates)]
    raw = settings.get("nginx_tree")
    if raw:
        origin = str(raw).rstrip("/")
        # A folder called as the layer of the distribution is, is not that layer.
        origin = f"./{origin}" if f"{origin}/".startswith("packaged/") else origin
        layers.append(_raw_layer(raw_folder(project, str(raw)), origin, template, variables))
    layers.append(_kept_layer(list(settings.get("nginx_shared_paths") or [])))
    kept = tuple(sorted(layers[-1]))
    return Rendered(trees.overlay(*layers), tuple(contract), kept)
