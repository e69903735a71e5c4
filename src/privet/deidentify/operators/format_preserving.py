"""Replace an identifier by another of the same form, valid where the original was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from privet.core.errors import InvalidParameter, PluginError
from privet.core.plugins import attribute
from privet.deidentify.distinct import treat_distinct
from privet.deidentify.format import FAMILY, Format
from privet.deidentify.operator import Traits
from privet.deidentify.permute import Permutation
from privet.deidentify.replace import Direction, replaced


@dataclass(frozen=True, slots=True)
class FormatPreserving:
    """Every identifier of a ``kind`` becomes another: separators stay, check digits are right, none is given twice.

    What is not of the kind becomes missing rather than stay, and so does what has fewer than a million possibilities.
    Guarantee: format-preserving encryption (FF1) under the column's key: the same in every file, and undone by whoever
    holds the key. ``reversible`` says whether Privet does that for you; it is the policy's word, not mathematics.
    What a kind keeps (a card's network, a phone's area, an IBAN's country) is kept in plain sight.
    Reference: NIST SP 800-38G Rev. 1; Bellare et al. 2009 (rank, then encipher).
    """

    kind: str
    reversible: bool = False

    traits: ClassVar[Traits] = Traits(gives="text", keyed=True)

    def __post_init__(self) -> None:
        try:
            self._format()
        except PluginError as error:
            raise InvalidParameter(f"kind: {error}") from None

    def apply(self, column: Any, *, key: bytes) -> Any:
        return self._treated(column, key, "forth")

    def reverse(self, column: Any, *, key: bytes) -> Any:
        return self._treated(column, key, "back")

    def _treated(self, column: Any, key: bytes, direction: Direction) -> Any:
        kind, permutation = self._format(), Permutation(key)
        return treat_distinct(
            column, lambda texts: replaced(texts, format=kind, permutation=permutation, direction=direction)
        )

    def _format(self) -> Format:
        found: Format = attribute(FAMILY, self.kind, "FORMAT")
        return found

    def describe(self) -> str:
        back = ", reversible with the key" if self.reversible else ""
        return f"replaced by another {self._format().label}{back}"


OPERATOR = FormatPreserving
