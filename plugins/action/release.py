"""Renders every host's tree, one for each variant, and puts it into the store of releases."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.yaml import yaml_load
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.template import Templar, trust_as_template

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError, SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.signing import read_inventory
from ansible_collections.sluice.nginx.plugins.module_utils.record.index import heads
from ansible_collections.sluice.nginx.plugins.module_utils.record.lived import promoted, stays
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.interning import Texts
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
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import read_release_id
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import ControllerAction, project
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import printable_text
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
        hosts = self._hosts(task_vars)
        platform = options["platform"]
        self._hostvars = task_vars["hostvars"]
        specs = (_ROLE / "meta/argument_specs.yml").read_text(encoding="utf-8")
        options_of_role = yaml_load(specs)["argument_specs"]["main"]["options"]
        self._spec = {name: option for name, option in options_of_role.items() if name not in _INPUTS}
        self._texts = Texts()
        self._read: dict[Path, set[str]] = {}
        self._live_tree = options["live_tree"]
        packaged = trees.read_layer(Path(platform["tree"]), "packaged")
        described = {name: platform[name] for name in _DESCRIBED if platform.get(name)}
        store, live = ReleaseStore(self._state() / "releases"), ReleaseStore(self._state() / "live")
        found: dict[str, dict[str, Any]] = {}
        going_on = self._promoted(options, store)
        for variant in group({host: self._settings(host, platform) for host in hosts}):
            try:
                valid = self._validated(variant)
                if going_on:
                    made = found.setdefault(going_on.id, {**_nothing(), "id": going_on.id})
                else:
                    rendered = self._render(valid, packaged)
                    identity = store.identify(rendered.tree)
                    made = found.setdefault(identity, {**_nothing(), "rendered": rendered})
                    made["contract"] = _united(made["contract"], rendered.contract_json())
                made["needs"] = sorted({*made["needs"], *valid.settings["nginx_needs"]})
                if options["live_tree"]:
                    made["live"] = self._live(valid, options["live_tree"], packaged, live, described)
            except (SluiceError, AnsibleError) as error:
                made = found.setdefault(f"no tree for {variant.hosts[0]}", _nothing())
                made["problems"].append(printable_text(error))
            made["hosts"].extend(variant.hosts)
        if going_on:
            # Its files and its contract are those that soaked; the gates run it on the platform of these hosts.
            write_json(going_on.root / "release.json", {**going_on.described, "platform": described})
        return {"changed": False, "releases": [self._stored(store, made, described) for made in found.values()]}

    def _promoted(self, options: Mapping[str, Any], store: ReleaseStore) -> Release | None:
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
        release = store.get(read_release_id(identity))
        if not store.is_whole(release):
            raise SluiceError(
                f"release {identity[:12]} was changed on this controller: its files in {release.tree} are not those "
                "of its id; run the gates for its inventory again, which make it anew"
            )
        return release

    def _hosts(self, task_vars: dict[str, Any]) -> list[str]:
        name = self._group()
        group_hosts = task_vars["groups"].get(name, [])
        if not group_hosts:
            there = (
                ", ".join(sorted(name for name in task_vars["groups"] if name not in ("all", "ungrouped"))) or "none"
            )
            raise SluiceError(
                f"the inventory has no host in a group '{name}', whose hosts get a release; its groups: {there}; "
                "-e sluice_group=NAME names another"
            )
        hosts = [host for host in group_hosts if host in task_vars["ansible_play_hosts_all"]]
        if not hosts:
            raise SluiceError(f"--limit leaves no host of the group '{name}'")
        return hosts

    def _settings(self, host: str, platform: Mapping[str, Any]) -> dict[str, Any]:
        """The role's variables as the host has them, and those that templates of its raw tree read."""
        raw = self._hostvars.raw_get(host)
        values = {name: raw.get(name, option.get("default")) for name, option in self._spec.items()}
        settings = self._plain(host, raw, values)
        settings["nginx_version"] = platform["nginx_version"]
        settings["nginx_layout"] = dict(platform.get("layout") or {})
        names = {
            name
            for wanted in (settings.get("nginx_tree"), self._live_tree)
            if wanted and (project() / str(wanted)).is_dir()
            for name in self._names(raw_folder(project(), str(wanted)))
        }
        if names:
            trusted = boolean(settings.get("nginx_tree_trusted"), strict=False)
            names = {name for name in names if trusted or not is_refused_variable(name)}
            known = {name: raw[name] for name in sorted(names) if name in raw}
            settings["raw_variables"] = self._plain(host, raw, known)
        return settings

    def _names(self, folder: Path) -> set[str]:
        """The variables that the templates of a raw tree name."""
        if folder not in self._read:
            self._read[folder] = raw_variables(folder)
        return self._read[folder]

    def _plain(self, host: str, raw: Mapping[str, Any], values: dict[str, Any]) -> dict[str, Any]:
        """Plain data without templates. Most values have none, and finding out costs less than templating them."""
        texts = {name: self._texts.text(value) for name, value in values.items()}
        templated = {name: values[name] for name, text in texts.items() if "{{" in text or "{%" in text}
        if templated:
            try:
                # Plain at once, so that equal ones of many hosts are kept once.
                rendered = Templar(loader=self._loader, variables=raw).template(templated)
                templated = dict(json.loads(json.dumps(rendered, default=str)))
            except AnsibleError as error:
                raise SluiceError(f"the variables of {host} cannot be read: {error}") from error
        return {name: templated[name] if name in templated else self._texts.plain(values[name]) for name in values}

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
            variables = self._hostvars.raw_get(variant.hosts[0])
            template = self._trusting(templates, variables)
        else:
            variables = settings.get("raw_variables", {})
            template = sandboxed(project() / str(settings["nginx_tree"]))
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

    def _live(
        self, variant: Variant, folder: str, packaged: trees.Tree, store: ReleaseStore, platform: Mapping[str, Any]
    ) -> str:
        """Render what stands for the live release. Raises ``SluiceError``."""
        settings = {**variant.settings, "nginx_sites": [], "nginx_streams": [], "nginx_checks": []}
        settings["nginx_tree"] = folder
        try:
            rendered = self._render(Variant(variant.hosts, settings), packaged)
        except InputError as error:
            raise SluiceError(str(error).replace("nginx_tree", "nginx_live_tree", 1)) from error
        return store.add(rendered.tree, [], list(rendered.shared), platform).id

    def _stored(self, store: ReleaseStore, made: dict[str, Any], platform: dict[str, Any]) -> dict[str, Any]:
        rendered = made.pop("rendered")
        contract = made.pop("contract")
        if made["id"] and not made["problems"]:
            return made
        if rendered is None or made["problems"]:
            return {**made, "id": None}
        release = store.add(rendered.tree, contract, list(rendered.shared), platform)
        return {**made, "id": release.id}


def _nothing() -> dict[str, Any]:
    """A release that is still to be made."""
    return {"hosts": [], "problems": [], "contract": [], "needs": [], "live": None, "rendered": None, "id": None}


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
