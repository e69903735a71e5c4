"""How each column is treated: a small file that a data-protection officer can read."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from privet.core.errors import InvalidParameter, PluginError, SpecError
from privet.core.plugins import attribute

FAMILY = "privet.deidentify.operators"


class Operator(Protocol):
    """Treats one column; ``key`` is the column's own."""

    def apply(self, column: Any, *, key: bytes) -> Any: ...

    def describe(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Policy:
    """An operator for each named column, and what becomes of the others: refused, kept or dropped."""

    columns: Mapping[str, Operator]
    others: Literal["refuse", "keep", "drop"] = "refuse"

    def operator(self, column: str) -> Operator:
        """What is done to a column. Errors: InvalidParameter if the policy does not say."""
        if column in self.columns:
            return self.columns[column]
        if self.others == "refuse":
            raise InvalidParameter(
                f'the policy says nothing about column {column!r}; add [columns.{column}], or others = "keep" or "drop"'
            )
        found: Operator = attribute(FAMILY, self.others, "OPERATOR")()
        return found


def load_policy(path: Path) -> Policy:
    """Read a policy from a TOML file. Errors: SpecError with the place and what to do."""
    try:
        body = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise SpecError(f"there is no policy file {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: this is not TOML: {error}") from None
    try:
        return read_policy(body)
    except (InvalidParameter, PluginError) as error:
        raise SpecError(f"{path}: {error}") from None


def read_policy(body: Mapping[str, Any]) -> Policy:
    """Make a policy from plain values.

    Errors: InvalidParameter for an unknown key or setting; PluginError for an unknown operator.

    >>> read_policy({"columns": {"name": {"operator": "drop"}}}).operator("name").describe()
    'dropped'
    """
    unknown = set(body) - {"columns", "others"}
    if unknown:
        raise InvalidParameter(f"{sorted(unknown)[0]!r} is not a key of a policy; it has columns and others")
    others = body.get("others", "refuse")
    if others not in ("refuse", "keep", "drop"):
        raise InvalidParameter(f'others is {others!r}; give "refuse", "keep" or "drop"')
    columns = body.get("columns", {})
    if not isinstance(columns, Mapping):
        raise InvalidParameter("columns must be a table: write [columns.NAME]")
    return Policy({name: _operator(name, settings) for name, settings in columns.items()}, others)


def _operator(column: str, settings: Any) -> Operator:
    if not isinstance(settings, Mapping) or "operator" not in settings:
        raise InvalidParameter(f'[columns.{column}] names no operator; add operator = "drop" or another')
    kind = attribute(FAMILY, str(settings["operator"]), "OPERATOR")
    given = {name: value for name, value in settings.items() if name != "operator"}
    allowed = {item.name: item for item in dataclasses.fields(kind)}
    unknown = set(given) - set(allowed)
    if unknown:
        known = ", ".join(allowed) or "none"
        raise InvalidParameter(
            f"[columns.{column}] {sorted(unknown)[0]!r} is no setting of {settings['operator']}; it has: {known}"
        )
    required = [name for name, item in allowed.items() if item.default is dataclasses.MISSING and name not in given]
    if required:
        raise InvalidParameter(f"[columns.{column}] {required[0]!r} is missing; {settings['operator']} needs it")
    try:
        made: Operator = kind(**given)
    except InvalidParameter as error:
        raise InvalidParameter(f"[columns.{column}] {error}") from None
    except TypeError:
        raise InvalidParameter(f"[columns.{column}] a setting of {settings['operator']} has the wrong type") from None
    return made
