"""Take the identifiers out of free text and leave the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from privet.deidentify.detect import find_in_text
from privet.deidentify.distinct import treat_distinct
from privet.deidentify.operator import Traits


@dataclass(frozen=True, slots=True)
class RedactText:
    """Every identifier that is recognised becomes its kind in brackets.

    Guarantee: none. What no recogniser knows stays, and so does every story that only one person has.
    """

    traits: ClassVar[Traits] = Traits(gives="text")

    def apply(self, column: Any, *, key: bytes) -> Any:
        return treat_distinct(column, lambda texts: [redacted(text) for text in texts])

    def describe(self) -> str:
        return "with the identifiers that were recognised taken out"


def redacted(text: str) -> str:
    """The text without the identifiers that are recognised in it.

    >>> redacted("身分證A123456789,請寄a.b@example.org")
    '身分證[taiwan_id],請寄[email]'
    """
    parts, end = [], 0
    for found in find_in_text(text):
        parts += [text[end : found.start], f"[{found.kind}]"]
        end = found.end
    return "".join(parts) + text[end:]


OPERATOR = RedactText
