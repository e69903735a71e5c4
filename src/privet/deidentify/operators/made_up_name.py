"""Replace people's names by made-up ones, the same for the same person everywhere."""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass
from typing import Any, ClassVar

from privet.core.errors import InvalidParameter
from privet.deidentify.distinct import treat_distinct
from privet.deidentify.made_up import FAMILY_FIRST, FAMILY_NAMES, GIVEN, SEPARATOR
from privet.deidentify.operator import Traits

_PARTS = ("full", "given", "family")


@dataclass(frozen=True, slots=True)
class MadeUpName:
    """A common name in place of each, as the key decides: by the name itself, or by the ``person`` whose row it is.

    ``part`` is "full", "given" or "family", so that with a ``person`` the parts in two columns belong together;
    ``language`` "en" or "zh". Without a person, names that differ in case, width or spaces are one.
    Guarantee: without the key a name tells nothing of the one it replaced (keyed BLAKE2b). Different people may get the
    same name, as people do: join tables by a pseudonym.
    """

    part: str = "full"
    language: str = "en"
    person: str = ""

    traits: ClassVar[Traits] = Traits(gives="text", keyed=True)

    def __post_init__(self) -> None:
        if self.part not in _PARTS:
            raise InvalidParameter(f"part is {self.part!r}; give one of {', '.join(_PARTS)}")
        if self.language not in GIVEN:
            raise InvalidParameter(f"language is {self.language!r}; give one of {', '.join(GIVEN)}")

    def apply(self, column: Any, *, key: bytes) -> Any:
        return treat_distinct(column, lambda texts: [self._name(_plain(text), key) for text in texts])

    def apply_by(self, column: Any, *, persons: Any, key: bytes) -> Any:
        named = treat_distinct(persons, lambda texts: [self._name(text, key) for text in texts])
        return named.where(column.notna(), None)

    def _name(self, text: str, key: bytes) -> str:
        digest = hashlib.blake2b(text.encode(), key=key, digest_size=16, person=b"privet name").digest()
        given = _chosen(GIVEN[self.language], digest[:8])
        family = _chosen(FAMILY_NAMES[self.language], digest[8:])
        if self.part != "full":
            return given if self.part == "given" else family
        return SEPARATOR[self.language].join((family, given) if FAMILY_FIRST[self.language] else (given, family))

    def describe(self) -> str:
        whose = f", the same for each {self.person}" if self.person else ""
        return f"replaced by made-up names{whose}"


def _chosen(names: tuple[str, ...], octets: bytes) -> str:
    return names[int.from_bytes(octets, "big") % len(names)]


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


OPERATOR = MadeUpName
