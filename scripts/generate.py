"""Write what follows from declarations: argument specs and defaults of roles, and the tables of options in documents.

The variables of the role nginx are declared in module_utils/sites, a check in module_utils/contract/model.py, what
other roles pass on to a module in its documentation, and the rest in their argument specs.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.sluice.nginx.plugins.module_utils.alarms.model import AlarmRow
from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.waivers import Acceptance
from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import CHECK, Field
from ansible_collections.sluice.nginx.plugins.module_utils.environment.images import ImageRow
from ansible_collections.sluice.nginx.plugins.module_utils.environment.services import ServiceRow
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.waves import WaveRow
from ansible_collections.sluice.nginx.plugins.module_utils.platforms.catalog import (
    families,
    layouts,
    origins,
    service_managers,
)
from ansible_collections.sluice.nginx.plugins.module_utils.platforms.model import TESTED
from ansible_collections.sluice.nginx.plugins.module_utils.publishing.model import PublishRow, PullRow
from ansible_collections.sluice.nginx.plugins.module_utils.renewal.model import RenewalRow
from ansible_collections.sluice.nginx.plugins.module_utils.schema import Key, Model, keys
from ansible_collections.sluice.nginx.plugins.module_utils.sites.plan import Variables
from ansible_collections.sluice.nginx.plugins.module_utils.slices.model import StoreRow
from ansible_collections.sluice.nginx.plugins.plugin_utils.documented import documented_options

__all__ = ["PROJECT", "TABLES", "generated", "options", "passed_on", "stale"]

PROJECT = Path(__file__).resolve().parents[1]
# Roles whose variables are the options of a module.
_WRAPPERS = ("gates", "monitor", "notify", "sandbox", "staging")
_SOURCES = {
    "nginx": "the models of module_utils/sites",
    **dict.fromkeys(_WRAPPERS, "the documentation of the modules, for what tasks pass on to them"),
}
# Variables whose rows have a model.
_ROWS = {"gates_accept": "Acceptance", "gates_renewal": "RenewalRow", "staging_services": "ServiceRow"}
_WRITTEN = "# Written by scripts/generate.py from {}.\n"
# Blocks in Markdown that are written, as <!-- options of Site --> … <!-- end -->.
_BLOCK = re.compile(r"(<!-- (?P<what>options of [\w.]+|variables|distributions|sources) -->\n).*?(<!-- end -->)", re.S)
_MARKUP = re.compile(r"\b[CVO]\(([^()]*(?:\([^()]*\)[^()]*)*)\)")
_MODULE = re.compile(r"\bM\(([^)]*)\)")
# Characters of a list that is written in one line.
_ONE_LINE = 100
_PARTS = ("description", "type", "elements", "required", "choices", "default", "no_log", "options")


class _Dumper(yaml.SafeDumper):
    """Indents lists below their keys, and takes double quotes."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def choose_scalar_style(self) -> str:
        style = str(super().choose_scalar_style())
        return '"' if style == "'" else style


class _Short(list[Any]):
    """A list that is written in one line."""


_Dumper.add_representer(
    _Short, lambda dumper, data: dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True)
)


def options(shape: type[Model] | Mapping[str, Field]) -> dict[str, dict[str, Any]]:
    """Return the keys of a model, or of a check, as the options of an argument spec."""
    if isinstance(shape, Mapping):
        return {name: _of_field(field) for name, field in shape.items()}
    return {name: _of_key(declared) for name, declared in keys(shape).items()}


def _of_field(field: Field) -> dict[str, Any]:
    spec = {"description": field.description, "type": field.type}
    return {
        **spec,
        **({"required": True} if field.required else {}),
        **({"options": options(field.fields)} if field.fields else {}),
    }


def _of_key(declared: Key) -> dict[str, Any]:
    spec = {"description": declared.description, **declared.read.spec}
    if declared.required:
        spec["required"] = True
    if declared.default is not None:
        spec["default"] = declared.default
    shape = declared.read.shape
    if shape is not None and "dict" in (spec["type"], spec.get("elements")):
        spec["options"] = options(shape)
    elif shape is not None:
        # An argument spec has no options for what may be something else than a mapping.
        names = ", ".join(f"C({name})" for name in options(shape))
        spec["description"] = [declared.description, f"The keys of a mapping are {names}."]
    return {name: spec[name] for name in _PARTS if name in spec}


def _tables(model: type[Model]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the options of each model that is in another, without those that it has in common with others."""
    own = [field.metadata["key"] for field in dataclasses.fields(model) if "key" in field.metadata]
    common = {name for each in own if each.inline for name in keys(each.inline)}
    found = {model.__name__: {name: option for name, option in options(model).items() if name not in common}}
    for each in own:
        shape = each.inline or each.read.shape
        if isinstance(shape, type):
            found |= _tables(shape)
    return found


_EXPECT = options(CHECK)["expect"]["options"]
TABLES = {
    **_tables(Variables),
    **_tables(Acceptance),
    **_tables(RenewalRow),
    **_tables(ServiceRow),
    **_tables(ImageRow),
    **_tables(WaveRow),
    **_tables(AlarmRow),
    **_tables(StoreRow),
    **_tables(PublishRow),
    **_tables(PullRow),
    "check": options(CHECK),
    "check.expect": _EXPECT,
    "check.expect.upstream": _EXPECT["upstream"]["options"],
}
"""What there are tables of, by the name that stands in documents."""


def _yaml(value: object) -> str:
    """Return YAML as it stands in the repository."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=130)


def _shortened(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _shortened(item, key) for key, item in value.items()}
    is_short = isinstance(value, list) and name != "description" and len(", ".join(map(str, value))) < _ONE_LINE
    return _Short(value) if is_short else value


def passed_on(role: Path) -> Iterator[tuple[str, str, str]]:
    """Yield which variables of a role its tasks pass on as they are, but for results: module, option, variable."""
    results = set()
    for path in sorted((role / "tasks").glob("*.yml")):
        tasks = yaml.safe_load(path.read_text(encoding="utf-8"))
        for task in tasks:
            results.add(task.get("register"))
            tasks += [each for part in ("block", "rescue", "always") for each in task.get(part, [])]
            for module, arguments in task.items():
                given = arguments if module.startswith("sluice.nginx.") and isinstance(arguments, dict) else {}
                for option, value in given.items():
                    variable = re.fullmatch(rf"{{{{ ({role.name}_\w+) }}}}", str(value))
                    if variable and variable[1] not in results:
                        yield module.rpartition(".")[2], option, variable[1]


def _united(option: Mapping[str, Any], documented: Mapping[str, Any]) -> dict[str, Any]:
    """Return an option of a role as the module documents it. A role may have a stricter type, and another default where
    the module has none.
    """
    found = {**documented, **option, "description": documented["description"]}
    if documented["type"] != "raw":
        found |= {name: documented[name] for name in ("type", "elements", "choices") if name in documented}
    if documented.get("default") and "{{" not in str(option.get("default")):
        found["default"] = documented["default"]
    if "default" in found:
        found.pop("required", None)
    return {name: found[name] for name in _PARTS if name in found}


def _specs(role: Path) -> dict[str, Any]:
    entries = dict(yaml.safe_load((role / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"])
    known = entries["main"]["options"]
    if role.name == "nginx":
        inputs = {variable: known[variable] for _, _, variable in passed_on(role)}
        entries["main"]["options"] = {**inputs, **options(Variables)}
    elif role.name in _WRAPPERS:
        for module, option, variable in passed_on(role):
            known[variable] = _united(known.get(variable, {}), documented_options(module)[option])
    for variable, table in _ROWS.items():
        if variable in known:
            known[variable]["options"] = TABLES[table]
    return entries


def _role_options(role: Path) -> dict[str, dict[str, Any]]:
    return {name: option for entry in _specs(role).values() for name, option in entry.get("options", {}).items()}


def _defaults(role: Path) -> str:
    found = {name: option["default"] for name, option in _role_options(role).items() if "default" in option}
    return (
        "---\n"
        + _WRITTEN.format("meta/argument_specs.yml")
        + "".join(_yaml({name: _shortened(value)}) for name, value in found.items())
    )


def _text(text: str) -> str:
    """Return a description as Markdown, in a cell of a table."""
    return _MODULE.sub(r"`\1`", _MARKUP.sub(r"`\1`", text)).replace("|", "\\|")


def _described(option: Mapping[str, Any]) -> str:
    said = option["description"]
    text = _text(" ".join(said) if isinstance(said, list) else said)
    choices = [f"`{_shown(choice)}`" for choice in option.get("choices", [])]
    return text if all(choice in text for choice in choices) else f"{text} One of {', '.join(choices)}."


def _shown(value: object) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=1000, allow_unicode=True).strip()
    return '""' if value == "" else text.removesuffix("\n...").strip()


def _type(option: Mapping[str, Any]) -> str:
    return f"list of {option['elements']}" if "elements" in option else str(option["type"])


def _table(found: Mapping[str, Mapping[str, Any]], title: str) -> str:
    rows = [[title, "type", "default", "meaning"], ["---"] * 4]
    for option, alike in itertools.groupby(found, key=found.__getitem__):
        default = f"`{_shown(option['default'])}`" if "default" in option else ""
        default = "required" if option.get("required") else default
        rows.append([f"`{'`, `'.join(alike)}`", _type(option), default, _described(option)])
    if not any(row[2] for row in rows[2:]):
        rows = [[*row[:2], row[3]] for row in rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _rows(rows: Iterable[Iterable[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _distributions() -> str:
    """Return the table of distributions: a row for each way in which releases of a family are tested."""
    rows: list[list[str]] = [["distribution", "`staging_platform`", "packages", "services", "confined by", "tested"]]
    rows.append(["---"] * 6)
    for family in families().values():
        for tested, words in TESTED.items():
            names = [f"`{each.name}`" for each in family.releases if each.tested == tested]
            services = ", ".join(service_managers()[each].title for each in family.service_managers)
            if names:
                confined = family.confined_by or "-"
                rows.append([family.title, ", ".join(names), family.packages_by, services, confined, words])
    return _rows(rows)


def _sources() -> str:
    """Return the table of who packages nginx."""
    rows: list[list[str]] = [["nginx of", "`staging_nginx`", "binary", "service", "configuration", "prefix", "tested"]]
    rows.append(["---"] * 7)
    for origin in origins().values():
        nginx = origin.nginx
        names = ", ".join(f"`{name}`" for name in origin.channels)
        places = [f"`{each}`" for each in (nginx.binary, nginx.service, nginx.configuration, nginx.prefix)]
        rows.append([origin.title, names, *places, TESTED[origin.tested]])
    return _rows(rows)


_PLATFORMS = {"distributions": _distributions, "sources": _sources}


def _filled(path: Path, variables: Callable[[], Mapping[str, Mapping[str, Any]]]) -> str:
    """Return a document with its blocks written anew."""

    def block(found: re.Match[str]) -> str:
        what = found["what"]
        if what in _PLATFORMS:
            return f"{found[1]}{_PLATFORMS[what]()}{found[3]}"
        made = _table(variables(), "variable") if what == "variables" else _table(TABLES[what.split()[-1]], "key")
        return f"{found[1]}{made}{found[3]}"

    return _BLOCK.sub(block, path.read_text(encoding="utf-8"))


def _for_hosts() -> str:
    """Return the module with what hosts need of the platforms' descriptions, which they cannot read themselves."""
    nginx = layouts()
    services = dict.fromkeys(each.service for each in nginx)
    binaries = dict.fromkeys(each.binary for each in nginx)
    folders = dict.fromkeys(each.folder for each in nginx)
    lines = [
        '"""What is started how on hosts, of the descriptions in ``module_utils/platforms``."""\n',
        _WRITTEN.format("the descriptions in module_utils/platforms"),
        "from __future__ import annotations\n",
        '__all__ = ["BINARIES", "FOLDERS", "RESTART", "SERVICES", "START", "STATUS"]\n',
        "# The services that nginx is started as.",
        f"SERVICES = {_tuple(services)}\n",
        "# Its binaries.",
        "BINARIES = (\n" + "".join(f'    "{each}",\n' for each in binaries) + ")\n",
        "# The folders of their configurations, as their packages have them.",
        f"FOLDERS = {_tuple(folders)}\n",
        "# What starts and restarts a service, and what tells a person how it is, by the service manager.",
    ]
    for name in ("start", "restart"):
        rows = (
            f'    "{manager}": {_tuple(map(_tuple, getattr(each, name)), quoted=False)},\n'
            for manager, each in service_managers().items()
        )
        lines.append(f"{name.upper()} = {{\n{''.join(rows)}}}")
    rows = (f'    "{manager}": "{each.status}",\n' for manager, each in service_managers().items())
    lines.append(f"STATUS = {{\n{''.join(rows)}}}")
    return "\n".join(lines) + "\n"


def _tuple(items: Iterable[str], *, quoted: bool = True) -> str:
    words = [f'"{item}"' if quoted else item for item in items]
    return f"({', '.join(words)}{',' if len(words) == 1 else ''})"


def generated() -> dict[Path, str]:
    """Return each file that is written, or has a part that is, with its content."""
    found = {}
    for role in sorted(path for path in (PROJECT / "roles").iterdir() if path.is_dir()):
        found[role / "README.md"] = _filled(role / "README.md", lambda role=role: _role_options(role))  # type: ignore[misc]
        found[role / "defaults/main.yml"] = _defaults(role)
        if role.name in _SOURCES:
            head = "---\n" + _WRITTEN.format(_SOURCES[role.name])
            found[role / "meta/argument_specs.yml"] = head + _yaml({"argument_specs": _shortened(_specs(role))})
    found[PROJECT / "plugins/module_utils/engine/host/known.py"] = _for_hosts()
    for name in (
        "checks.md",
        "how-to/waves.md",
        "how-to/alarms.md",
        "how-to/fleets.md",
        "how-to/pull.md",
        "platforms.md",
    ):
        found[PROJECT / "docs" / name] = _filled(PROJECT / "docs" / name, dict)
    return found


def stale() -> list[Path]:
    """Return the files that are not as they would be written."""
    return [
        path for path, text in generated().items() if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]


if __name__ == "__main__":
    for path in stale():
        path.write_text(generated()[path], encoding="utf-8")
        sys.stdout.write(f"{path.relative_to(PROJECT)}\n")
