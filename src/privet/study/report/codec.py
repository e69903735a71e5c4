"""The JSON form of a report: written field by field, read back strictly against the declared types.

Infinity has no JSON literal and is written as the text "infinity"; a withheld value is {"withheld": reason}.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import numbers
import types
import typing
from typing import Any

from privet.core.errors import InvalidParameter
from privet.study.report.model import StudyReport, Withheld

FORMAT = "privet-study-report"
FORMAT_VERSION = 1
INFINITY = "infinity"


def encode_report(report: StudyReport) -> dict[str, Any]:
    """Write a report as a dictionary that any JSON writer takes."""
    return {"format": FORMAT, "format_version": FORMAT_VERSION, **_encode(report)}


def decode_report(body: dict[str, Any]) -> StudyReport:
    """Read a report back.

    Errors: InvalidParameter for another format or version, and for a field that is unknown, missing or mistyped.
    """
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise InvalidParameter(f"this is not a study report; its field 'format' should be {FORMAT!r}")
    if body.get("format_version") != FORMAT_VERSION:
        raise InvalidParameter(
            f"report format is {body.get('format_version')!r}; this version reads {FORMAT_VERSION}; use a newer Privet"
        )
    rest = {name: value for name, value in body.items() if name not in ("format", "format_version")}
    report: StudyReport = _decode(rest, StudyReport, "report")
    return report


def _encode(value: Any) -> Any:
    if isinstance(value, Withheld):
        return {"withheld": value.reason}
    if dataclasses.is_dataclass(value):
        kind: Any = type(value)
        hints = _hints(kind)
        return {name: _encode(_plain(getattr(value, name), kind)) for name, kind in hints.items()}
    if isinstance(value, tuple):
        return [_encode(part) for part in value]
    return INFINITY if isinstance(value, float) and math.isinf(value) else value


def _plain(value: Any, kind: Any) -> Any:
    """A number as Python's own type that the field declares: 1 and numpy's 1.0 are written the same as 1.0."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return value
    if float in (typing.get_args(kind) or (kind,)):
        return float(value)
    return int(value) if isinstance(value, numbers.Integral) else value


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _decode(value: Any, kind: Any, place: str) -> Any:
    """Read one value as the declared type ``kind``; ``place`` is for the error message."""
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        return _decode_maybe(value, kind, place)
    if origin is tuple:
        return _decode_tuple(value, typing.get_args(kind)[0], place)
    if origin is typing.Literal:
        _require(value in typing.get_args(kind), place, f"one of {', '.join(typing.get_args(kind))}")
        return value
    if dataclasses.is_dataclass(kind):
        return _decode_fields(value, kind, place)
    return _decode_plain(value, kind, place)


def _decode_maybe(value: Any, kind: Any, place: str) -> Any:
    if isinstance(value, dict) and set(value) == {"withheld"}:
        return _decode_fields({"reason": value["withheld"]}, Withheld, place)
    (present,) = [option for option in typing.get_args(kind) if option is not Withheld]
    return _decode(value, present, place)


def _decode_tuple(value: Any, kind: Any, place: str) -> tuple[Any, ...]:
    _require(isinstance(value, (list, tuple)), place, "a list")
    return tuple(_decode(part, kind, f"{place}[{index}]") for index, part in enumerate(value))


def _decode_fields(value: Any, kind: Any, place: str) -> Any:
    _require(isinstance(value, dict), place, "an object")
    fields = dataclasses.fields(kind)
    known = {item.name for item in fields}
    needed = {item.name for item in fields if item.default is dataclasses.MISSING}
    _require(set(value) <= known, place, f"only the fields {', '.join(sorted(known))}")
    _require(needed <= set(value), place, f"the fields {', '.join(sorted(needed))}")
    hints = _hints(kind)
    return kind(**{name: _decode(part, hints[name], f"{place}.{name}") for name, part in value.items()})


def _decode_plain(value: Any, kind: type, place: str) -> Any:
    if kind is float:
        if value == INFINITY:
            return math.inf
        _require(isinstance(value, (int, float)) and not isinstance(value, bool), place, "a number")
        return float(value)
    fits = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    _require(fits, place, f"a value of type {kind.__name__}")
    return value


def _require(condition: bool, place: str, wanted: str) -> None:
    if not condition:
        raise InvalidParameter(f"{place} does not fit; give {wanted}")
