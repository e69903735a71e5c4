"""How each column is treated: a small file that a data-protection officer can read."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from privet.core.errors import InvalidParameter, PluginError, SpecError
from privet.core.plugins import attribute
from privet.deidentify.column_finding import ColumnFinding
from privet.deidentify.column_words import ROLES, Role
from privet.deidentify.keys import column_key, domain_key, joint_key
from privet.deidentify.operator import FAMILY, JointOperator, Operator


@dataclass(frozen=True, slots=True)
class Together:
    """An operator that treats several columns at once, after each has been treated by itself."""

    columns: tuple[str, ...]
    operator: JointOperator

    @property
    def changed(self) -> tuple[str, ...]:
        """The columns whose cells may be other ones afterwards; the rest are only looked at."""
        return getattr(self.operator, "blank", ()) or self.columns


@dataclass(frozen=True, slots=True)
class StatedRole:
    """The role that a column has because the policy says so, and the written reason."""

    role: Role
    reason: str = ""

    def of(self, found: ColumnFinding) -> ColumnFinding:
        """The finding with this role. Errors: InvalidParameter if that protects less and no reason is written."""
        if ROLES.index(self.role) > ROLES.index(found.role) and not self.reason.strip():
            raise InvalidParameter(
                f"the policy calls column {found.column!r} {self.role}, but it was found to be {found.role} "
                f'({found.label}); write why beside it: reason = "..."'
            )
        why = f"the policy says so: {self.reason}" if self.reason else "the policy says so"
        return dataclasses.replace(found, role=self.role, why=f"{why} (found: {found.role}, {found.why})")


@dataclass(frozen=True, slots=True)
class Policy:
    """An operator for each named column, and what becomes of the others: refused, kept or dropped.

    Columns of one domain share a key, so that one person has one pseudonym in all of them. ``together`` follows once
    every column has been treated, in the order of the file; a column named only there is kept until then. ``roles``
    overrule what was found in a column. ``quasi_identifiers`` are the columns that others may know, for the risk report
    of what leaves. ``key_name`` and ``key_version`` say which key of a key ring makes the pseudonyms; a ring that got a
    newer version changes nothing before the policy says so.
    """

    columns: Mapping[str, Operator]
    others: Literal["refuse", "keep", "drop"] = "refuse"
    domains: Mapping[str, str] = field(default_factory=dict)
    together: tuple[Together, ...] = ()
    roles: Mapping[str, StatedRole] = field(default_factory=dict)
    quasi_identifiers: tuple[str, ...] = ()
    key_name: str = ""
    key_version: int = 1

    def operator(self, column: str) -> Operator:
        """What is done to a column by itself. Errors: InvalidParameter if the policy does not say."""
        if column in self.columns:
            return self.columns[column]
        joint = any(column in step.columns for step in self.together)
        if self.others == "refuse" and not joint:
            raise InvalidParameter(
                f'the policy says nothing about column {column!r}; add [columns.{column}], or others = "keep" or "drop"'
            )
        found: Operator = attribute(FAMILY, "keep" if joint else self.others, "OPERATOR")()
        return found

    def person(self, column: str) -> str | None:
        """The column that says whose cell it is, where the column's operator asks for one."""
        return getattr(self.operator(column), "person", "") or None

    def key(self, key: bytes, *, column: str) -> bytes:
        """The key that a column is treated with: its own, its domain's, or that of the column naming the person."""
        owner = self.person(column) or column
        if owner in self.domains:
            return domain_key(key, domain=self.domains[owner])
        return column_key(key, column=owner)

    def require_key_file(self) -> None:
        """Errors: InvalidParameter if the policy asks for a key that no plain key file is: a name or a version."""
        if self.key_name or self.key_version != 1:
            named = f"the key {self.key_name!r}" if self.key_name else f"version {self.key_version} of a key"
            raise InvalidParameter(
                f"the policy names {named}, and only a key ring has names and versions; give --key-ring to "
                "'privet deidentify', or take key and key_version out"
            )

    def joint_key(self, key: bytes, *, step: Together) -> bytes:
        """The key that several columns are treated with together."""
        return joint_key(key, columns=step.columns)

    def overrule(self, findings: Iterable[ColumnFinding]) -> tuple[ColumnFinding, ...]:
        """Findings with the roles that the policy states.

        Errors: InvalidParameter if a stated role protects less than the one found and no reason is written.
        """
        return tuple(self.roles[found.column].of(found) if found.column in self.roles else found for found in findings)

    def check_columns(self, names: Iterable[str]) -> None:
        """Hold the policy against the names of a table's columns, before any row is read.

        Errors: InvalidParameter if it names one that is not there, or says nothing about one that is.
        """
        there = tuple(names)
        persons = [getattr(operator, "person", "") for operator in self.columns.values()]
        joint = [name for step in self.together for name in step.columns]
        for name in [*self.columns, *self.roles, *filter(None, persons), *joint, *self.quasi_identifiers]:
            if name not in there:
                raise InvalidParameter(f"the policy names column {name!r}, which the table does not have")
        for name in there:
            self.operator(name)


def load_policy(path: Path) -> Policy:
    """Read a policy from a TOML file. Errors: SpecError with the place and what to do."""
    try:
        body = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise SpecError(f"there is no policy file {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: this is not TOML: {error}") from None
    try:
        return read_policy(body, folder=path.parent)
    except (InvalidParameter, PluginError) as error:
        raise SpecError(f"{path}: {error}") from None


def read_policy(body: Mapping[str, Any], *, folder: Path = Path()) -> Policy:
    """Make a policy from plain values; paths in it start from ``folder``.

    Errors: InvalidParameter for an unknown key or setting; PluginError for an unknown operator.

    >>> read_policy({"columns": {"name": {"operator": "drop"}}}).operator("name").describe()
    'dropped'
    """
    unknown = sorted(set(body) - {"columns", "others", "together", "risk", "key", "key_version"})
    if unknown:
        raise InvalidParameter(
            f"{unknown[0]!r} is not a key of a policy; it has columns, others, together, risk, key and key_version"
        )
    others = body.get("others", "refuse")
    if others not in ("refuse", "keep", "drop"):
        raise InvalidParameter(f'others is {others!r}; give "refuse", "keep" or "drop"')
    columns = body.get("columns", {})
    if not isinstance(columns, Mapping):
        raise InvalidParameter("columns must be a table: write [columns.NAME]")
    roles = {name: _role(name, settings) for name, settings in columns.items() if _states_role(settings)}
    operators = {name: _operator(name, settings, folder) for name, settings in columns.items()
                 if name not in roles or "operator" in settings}  # fmt: skip
    domains = {name: _domain(name, operators[name], settings) for name, settings in columns.items()
               if name in operators and "domain" in settings}  # fmt: skip
    together = _together(body.get("together", []), operators, folder)
    known = _known_to_others(body.get("risk", {}))
    return Policy(operators, others, domains, together, roles, known, *_key(body, operators, together))


def _known_to_others(risk: Any) -> tuple[str, ...]:
    """[risk] quasi_identifiers."""
    if risk == {}:
        return ()
    names = risk.get("quasi_identifiers") if isinstance(risk, Mapping) and len(risk) == 1 else None
    if not isinstance(names, list) or not names or not all(map(_is_name, names)):
        raise InvalidParameter(
            '[risk] has one key: quasi_identifiers = ["NAME", ...], the columns that others may know'
        )
    return tuple(dict.fromkeys(names))


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _key(body: Mapping[str, Any], operators: Mapping[str, Operator], together: tuple[Together, ...]) -> tuple[str, int]:
    """Name and version of the key, as the policy has them."""
    name, version = body.get("key", ""), body.get("key_version", 1)
    if not isinstance(name, str) or ("key" in body and not name.strip()):
        raise InvalidParameter('key must be the name of a key in a key ring, such as key = "patients"')
    if type(version) is not int or version < 1:
        raise InvalidParameter("key_version must be a whole number from 1 on, as 'privet vault rotate' told it")
    used = [operator.traits for operator in operators.values()] + [step.operator.traits for step in together]
    if {"key", "key_version"} & set(body) and not any(traits.keyed for traits in used):
        raise InvalidParameter("the policy names a key, and none of its operators uses one; take it out")
    return name, version


def _operator(column: str, settings: Any, folder: Path) -> Operator:
    place = f"[columns.{column}]"
    keeps = settings.get("operator") == "keep" if isinstance(settings, Mapping) else False
    beside = {"domain", "role"} | ({"reason"} if _states_role(settings) and not keeps else set())
    made: Operator = _made(place, settings, beside=beside, folder=folder)
    if not hasattr(made, "apply"):
        raise InvalidParameter(
            f"{place} {settings['operator']} treats several columns together; write [[together]] with columns = [...]"
        )
    if getattr(made, "person", "") == column:
        raise InvalidParameter(f"{place} person is the column itself; name the column that says whose row it is")
    return made


def _states_role(settings: Any) -> bool:
    return isinstance(settings, Mapping) and "role" in settings


def _role(column: str, settings: Mapping[str, Any]) -> StatedRole:
    place, role, reason = f"[columns.{column}]", settings["role"], settings.get("reason", "")
    if role not in ROLES:
        raise InvalidParameter(f"{place} role must be one of {', '.join(ROLES)}")
    if not isinstance(reason, str):
        raise InvalidParameter(f'{place} reason must be text: reason = "..."')
    unknown = sorted(set(settings) - {"role", "reason"}) if "operator" not in settings else []
    if unknown:
        raise InvalidParameter(f"{place} {unknown[0]!r} needs an operator; add one, or take it out")
    return StatedRole(role, reason)


def _domain(column: str, operator: Operator, settings: Mapping[str, Any]) -> str:
    place, domain = f"[columns.{column}]", settings["domain"]
    if not isinstance(domain, str) or not domain.strip():
        raise InvalidParameter(f"{place} domain must be a name; columns of one name share their pseudonyms")
    if not operator.traits.keyed:
        raise InvalidParameter(f"{place} {settings['operator']} uses no key, so a domain means nothing; take it out")
    if getattr(operator, "person", ""):
        raise InvalidParameter(f"{place} has a person, whose column's domain counts; take the domain out here")
    return domain


def _together(steps: Any, operators: Mapping[str, Operator], folder: Path) -> tuple[Together, ...]:
    if not isinstance(steps, list):
        raise InvalidParameter("together must be a list of tables: write [[together]]")
    return tuple(_joint(f"[[together]] number {number}", settings, operators, folder)
                 for number, settings in enumerate(steps, start=1))  # fmt: skip


def _joint(place: str, settings: Any, operators: Mapping[str, Operator], folder: Path) -> Together:
    made: JointOperator = _made(place, settings, beside={"columns"}, folder=folder)
    columns = settings.get("columns")
    if not isinstance(columns, list) or not columns or not all(isinstance(name, str) for name in columns):
        raise InvalidParameter(f'{place} names no columns; add columns = ["NAME", ...]')
    if len(set(columns)) < len(columns):
        raise InvalidParameter(f"{place} names a column twice; name each once")
    if not hasattr(made, "apply_together"):
        raise InvalidParameter(f"{place} {settings['operator']} treats one column; write [columns.NAME]")
    drop = attribute(FAMILY, "drop", "OPERATOR")
    gone = [name for name in columns if isinstance(operators.get(name), drop)]
    if gone:
        raise InvalidParameter(f"{place} names column {gone[0]!r}, which the policy drops; leave it out in one place")
    step = Together(tuple(columns), made)
    unknown = [name for name in step.changed if name not in columns]
    if unknown:
        raise InvalidParameter(f"{place} blank names {unknown[0]!r}, which is not among its columns; add it to them")
    return step


def _made(place: str, settings: Any, *, beside: set[str], folder: Path) -> Any:
    """An operator from its settings; ``beside`` are keys that the policy reads for itself."""
    if not isinstance(settings, Mapping) or "operator" not in settings:
        raise InvalidParameter(f'{place} names no operator; add operator = "drop" or another')
    kind, name = attribute(FAMILY, str(settings["operator"]), "OPERATOR"), settings["operator"]
    given = {key: value for key, value in settings.items() if key != "operator" and key not in beside}
    allowed = {item.name: item for item in dataclasses.fields(kind) if item.init}
    unknown = sorted(set(given) - set(allowed))
    if unknown:
        known = ", ".join(allowed) or "none"
        raise InvalidParameter(f"{place} {unknown[0]!r} is no setting of {name}; it has: {known}")
    missing = [key for key, item in allowed.items() if key not in given and _is_required(item)]
    if missing:
        raise InvalidParameter(f"{place} {missing[0]!r} is missing; {name} needs it")
    for key, item in allowed.items():
        if item.metadata.get("path") and isinstance(given.get(key), str):
            given[key] = str(folder / given[key])
    try:
        return kind(**given)
    except InvalidParameter as error:
        raise InvalidParameter(f"{place} {error}") from None
    except (TypeError, AttributeError):
        raise InvalidParameter(f"{place} a setting of {name} has the wrong type") from None


def _is_required(item: dataclasses.Field[Any]) -> bool:
    return item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
