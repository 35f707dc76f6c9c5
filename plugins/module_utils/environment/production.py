"""How production starts nginx, as far as the live release tells: its unit, and the modules that it loads. Pure."""

from __future__ import annotations

from ..config.parse import Config

__all__ = ["lends_modules", "loaders", "starts_as_unit"]

# What the units of distributions give by -g.
_OF_UNITS = ("daemon", "master_process")


def starts_as_unit(live: Config | None) -> bool:
    """Return whether the live release can be started by the package's unit: it repeats nothing that the unit says."""
    return live is not None and not any(each.name in _OF_UNITS for each in live.directives)


def loaders(config: Config) -> set[str]:
    """Return by what modules come that no line of the release names: includes of folders of modules, and files there.

    The packages of the hosts write into such folders, as ``modules-enabled``.
    """
    includes = {
        each.args[0] for each in (*config.outside, *config.without_match) if each.args and "module" in each.args[0]
    }
    loading = (each.file for each in config.named("load_module"))
    return includes | {file for file in loading if "module" in file.rpartition("/")[0]}


def lends_modules(live: Config | None, candidate: Config) -> bool:
    """Return whether the candidate gets the modules that live has and staging lacks: it drops no include of them."""
    before = loaders(live) if live is not None else set()
    return not before or bool(before & loaders(candidate))
