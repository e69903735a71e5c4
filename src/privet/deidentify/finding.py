"""One identifier in a text, and what makes a match one."""

from __future__ import annotations

from typing import NamedTuple

from privet.deidentify.recogniser import Recogniser


class Finding(NamedTuple):
    """One identifier in a text, by its place; where two overlap ``score`` decides. The text itself is not kept."""

    kind: str
    start: int
    end: int
    score: float


def checked(item: Recogniser, text: str, start: int, end: int) -> Finding | None:
    """A match held to its checksum, or moved to where the words say."""
    if item.locate is not None:
        located = item.locate(text, start, end)
        return None if located is None else Finding(item.name, *located)
    if item.validate is not None and not item.validate(text[start:end]):
        return None
    return Finding(item.name, start, end, item.score)
