"""Plug-ins found by file name: a new mechanism, attack or recogniser is one file and edits no list."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any

from privet.core.errors import PluginError


@functools.cache
def names(family: str) -> tuple[str, ...]:
    """Names of the plug-ins of a family, such as ``privet.audit.attacks``: its files, then installed entry points.

    Files whose name begins with an underscore are not plug-ins. An entry point cannot replace a file.

    >>> "errors" in names("privet.core")
    True
    """
    package = importlib.import_module(family)
    files = [item.name for item in pkgutil.iter_modules(package.__path__) if not item.name.startswith("_")]
    extra = [item.name for item in entry_points(group=family) if item.name not in files]
    return tuple(sorted(files) + sorted(extra))


def load(family: str, name: str) -> ModuleType:
    """Import one plug-in of a family by its name.

    Errors: PluginError if there is none of that name; it lists those there are.
    """
    if name not in names(family):
        raise PluginError(
            f"no {family.rsplit('.', 1)[-1]} plug-in named {name!r}; there are: {', '.join(names(family))}"
        )
    try:
        return importlib.import_module(f"{family}.{name}")
    except ModuleNotFoundError:
        found: ModuleType = next(item for item in entry_points(group=family) if item.name == name).load()
        return found


def attribute(family: str, name: str, wanted: str) -> Any:
    """The named attribute that every plug-in of a family must define, such as ``RECOGNISER``.

    Errors: PluginError if the file lacks it.
    """
    module = load(family, name)
    if not hasattr(module, wanted):
        raise PluginError(f"{module.__name__} does not define {wanted}; every {family} plug-in must")
    return getattr(module, wanted)
