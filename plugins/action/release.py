"""Renders every host's tree, one for each variant, and puts it into the store of releases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.yaml import yaml_load
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.template import Templar, trust_as_template

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Texts
from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError, SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.signing import read_inventory
from ansible_collections.sluice.nginx.plugins.module_utils.record.index import heads
from ansible_collections.sluice.nginx.plugins.module_utils.record.lived import promoted, stays
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.render import (
    Template,
    Variant,
    contract_of,
    group,
    raw_folder,
    raw_variables,
    render,
)
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore, write_json
from ansible_collections.sluice.nginx.plugins.module_utils.sites.plan import plan
from ansible_collections.sluice.nginx.plugins.module_utils.storage import path_of
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import read_release_id
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import ControllerAction, project
from ansible_collections.sluice.nginx.plugins.plugin_utils.host_variables import HostVariables
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import printable_text
from ansible_collections.sluice.nginx.plugins.plugin_utils.staging import PlatformsOfHosts
from ansible_collections.sluice.nginx.plugins.plugin_utils.templating import is_refused_variable, sandboxed

_ROLE = Path(__file__).resolve().parents[2] / "roles/nginx"
# What the role hands to this action, which is the same for all hosts; its other variables describe each host's tree.
_INPUTS = ("nginx_platform", "nginx_live_tree", "nginx_promoted", "nginx_promoted_from")
# What a release says of the platform that it was staged on; hosts are held to it.
_DESCRIBED = ("os", "nginx_version", "modules", "flavour", "prefix")


class ActionModule(ControllerAction):
    """Reads the variables of all hosts of the play that are in the group of ``sluice_group``."""

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Render; tells the releases with their hosts, and what was wrong with the variables of others."""
        platforms = PlatformsOfHosts(options["platform"])
        self._variables = HostVariables(task_vars["hostvars"], self._loader)
        specs = (_ROLE / "meta/argument_specs.yml").read_text(encoding="utf-8")
        options_of_role = yaml_load(specs)["argument_specs"]["main"]["options"]
        self._spec = {name: option for name, option in options_of_role.items() if name not in _INPUTS}
        self._read: dict[Path, set[str]] = {}
        self._live_tree = options["live_tree"]
        texts: Texts = {}
        self._store = ReleaseStore(self._state() / "releases", texts)
        self._lives = ReleaseStore(self._state() / "live", texts)
        self._found: dict[str, dict[str, Any]] = {}
        going_on = self._promoted(options)
        for platform, hosts in platforms.grouped(self._hosts_of_group()):
            self._add(platform, hosts, going_on)
        if going_on and going_on.id in self._found:
            # Its files and its contract are those that soaked; the gates run it on the platform of these hosts.
            described = self._found[going_on.id]["platform"]
            write_json(going_on.root / "release.json", {**going_on.described, "platform": described})
        return {"changed": False, "releases": [self._stored(made) for made in self._found.values()]}

    def _add(self, platform: Mapping[str, Any], hosts: Sequence[str], going_on: Release | None) -> None:
        """Make the releases of hosts that have the same platform."""
        packaged = trees.read_layer(Path(platform["tree"]), "packaged")
        described = {name: platform[name] for name in _DESCRIBED if platform.get(name)}
        for variant in group({host: self._settings(host, platform) for host in hosts}):
            try:
                valid = self._validated(variant)
                rendered = None if going_on else self._render(valid, packaged)
                identity = going_on.id if going_on else self._store.identify(rendered.tree if rendered else {})
                made = self._found.get(identity) or _nothing(described)
                _hold_to_one(made, described, variant.hosts[0])
                contract = _united(made["contract"], rendered.contract_json() if rendered else [])
                live = self._live(valid, packaged, described) if self._live_tree else None
                needs = sorted({*made["needs"], *valid.settings["nginx_needs"]})
                made.update(contract=contract, live=live, needs=needs, rendered=made["rendered"] or rendered)
                made["id"] = going_on.id if going_on else None
                self._found[identity] = made
            except (SluiceError, AnsibleError) as error:
                made = self._found.setdefault(f"no tree for {variant.hosts[0]}", _nothing(described))
                made["problems"].append(printable_text(error))
            made["hosts"].extend(variant.hosts)

    def _promoted(self, options: Mapping[str, Any]) -> Release | None:
        """Return the release that goes on from another inventory; None where releases are rendered.

        Raises ``SluiceError`` where none does, or the controller has not got it whole.
        """
        inventory, wanted = read_inventory(options["promoted_from"]), str(options["promoted"]).strip()
        if not inventory:
            if wanted:
                raise InputError(
                    "nginx_promoted", "it needs nginx_promoted_from, the inventory where the release lives"
                )
            return None
        identity = promoted(stays(heads(self._state() / "runs")), inventory, wanted)
        release = self._store.get(read_release_id(identity))
        if not self._store.is_whole(release):
            raise SluiceError(
                f"release {identity[:12]} was changed on this controller: its files in {release.tree} are not those "
                "of its id; run the gates for its inventory again, which make it anew"
            )
        return release

    def _settings(self, host: str, platform: Mapping[str, Any]) -> dict[str, Any]:
        """The role's variables as the host has them, and those that templates of its raw tree read."""
        raw = self._variables.raw(host)
        values = {name: raw.get(name, option.get("default")) for name, option in self._spec.items()}
        settings = self._variables.plain(host, values)
        settings["nginx_version"] = platform["nginx_version"]
        settings["nginx_layout"] = dict(platform.get("layout") or {})
        names = {
            name
            for wanted in (settings.get("nginx_tree"), self._live_tree)
            if wanted and path_of(project(), str(wanted)).is_dir()
            for name in self._names(raw_folder(project(), str(wanted)))
        }
        if names:
            trusted = boolean(settings.get("nginx_tree_trusted"), strict=False)
            names = {name for name in names if trusted or not is_refused_variable(name)}
            known = {name: raw[name] for name in sorted(names) if name in raw}
            settings["raw_variables"] = self._variables.plain(host, known)
        return settings

    def _names(self, folder: Path) -> set[str]:
        """The variables that the templates of a raw tree name."""
        if folder not in self._read:
            self._read[folder] = raw_variables(folder)
        return self._read[folder]

    def _validated(self, variant: Variant) -> Variant:
        """Hold the variables to the role's argument spec, as Ansible would for one host.

        What is wrong in a site or a check is told by their own readers, which have the better words for it.
        """
        spec = self._spec
        given = {name: value for name, value in variant.settings.items() if name in spec}
        result = ArgumentSpecValidator(spec).validate(given)
        # -e gives texts where a number or a flag is meant.
        plain = {
            name: result.validated_parameters[name] for name in given if spec[name]["type"] not in ("list", "dict")
        }
        settings = {**variant.settings, **plain}
        if result.error_messages:
            plan(settings)
            contract_of(settings)
            raise InputError(f"variables of {variant.hosts[0]}", "; ".join(result.error_messages))
        return Variant(variant.hosts, settings)

    def _render(self, variant: Variant, packaged: trees.Tree) -> Any:
        settings = variant.settings
        templates = _ROLE / "templates"
        if settings["nginx_tree_trusted"]:
            variables = self._variables.raw(variant.hosts[0])
            template = self._trusting(templates, variables)
        else:
            variables = settings.get("raw_variables", {})
            template = sandboxed(path_of(project(), str(settings["nginx_tree"])))
        return render(settings, packaged, templates, template, variables, project())

    def _trusting(self, templates: Path, variables: Mapping[str, Any]) -> Template:
        """Render as Ansible's own template module does, lookups and all."""
        templar = Templar(loader=self._loader, variables=variables)

        def template(text: str, values: Mapping[str, Any]) -> str:
            search = [str(templates), str(project())]
            scope = templar.copy_with_new_env(searchpath=search, available_variables=dict(values))
            overrides = {"trim_blocks": True, "lstrip_blocks": True, "keep_trailing_newline": True}
            try:
                return str(scope.template(trust_as_template(text), escape_backslashes=False, overrides=overrides))
            except AnsibleError as error:
                raise SluiceError(str(error)) from error

        return template

    def _live(self, variant: Variant, packaged: trees.Tree, platform: Mapping[str, Any]) -> str:
        """Render what stands for the live release. Raises ``SluiceError``."""
        settings = {**variant.settings, "nginx_sites": [], "nginx_streams": [], "nginx_checks": []}
        settings["nginx_tree"] = self._live_tree
        try:
            rendered = self._render(Variant(variant.hosts, settings), packaged)
        except InputError as error:
            raise SluiceError(str(error).replace("nginx_tree", "nginx_live_tree", 1)) from error
        return self._lives.add(rendered.tree, [], list(rendered.shared), platform).id

    def _stored(self, made: dict[str, Any]) -> dict[str, Any]:
        rendered, contract, platform = (made.pop(name) for name in ("rendered", "contract", "platform"))
        if made["id"] and not made["problems"]:
            return made
        if rendered is None or made["problems"]:
            return {**made, "id": None}
        release = self._store.add(rendered.tree, contract, list(rendered.shared), platform)
        return {**made, "id": release.id}


def _nothing(platform: Mapping[str, Any]) -> dict[str, Any]:
    """A release that is still to be made."""
    made: dict[str, Any] = {name: [] for name in ("hosts", "problems", "contract", "needs")}
    return {**made, "live": None, "rendered": None, "id": None, "platform": platform}


def _hold_to_one(made: Mapping[str, Any], platform: Mapping[str, Any], host: str) -> None:
    """Hold a release to one platform: on that it is staged, and no host of another one may take it. Raises
    ``SluiceError``.
    """
    if made["platform"] != platform:
        there, here = (f"{each['os']} with nginx {each['nginx_version']}" for each in (made["platform"], platform))
        raise SluiceError(
            f"{host} has {here} and gets the same tree as {made['hosts'][0]}, which has {there}; a release is staged "
            "on one platform: let the trees differ, as by a line `# {{ staging_platform | default() }}` in a file "
            "NAME.conf.j2, or deploy to them in two runs with --limit"
        )


def _united(before: list[dict[str, Any]], more: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Unite the contracts of hosts that share a release. Raises ``SluiceError`` where one name means two checks."""
    by_name = {(check["site"], check["name"]): check for check in before}
    for check in more:
        if by_name.setdefault((check["site"], check["name"]), check) != check:
            raise SluiceError(
                f"{check['source']}: the check {check['name']!r} differs between hosts that get the same release; "
                "give the checks different names, or make them equal"
            )
    return list(by_name.values())
