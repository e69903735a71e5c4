"""Nationalities, by a list."""

from privet.deidentify.lists import entries
from privet.deidentify.recogniser import Recogniser, Tells
from privet.deidentify.words import ENDS, WORD


def is_listed(text: str) -> bool:
    """Whether it is the name of a people, in singular or plural.

    >>> is_listed("Taiwanese"), is_listed("Canadians"), is_listed("Persons")
    (True, True, False)
    """
    word = text.lower()
    return word in entries("nationalities") or word.removesuffix("s") in entries("nationalities")


_PEOPLES = frozenset(name.partition("-")[0] for name in entries("nationalities"))

RECOGNISER = Recogniser(
    name="nationality",
    label="nationality",
    pattern=rf"{WORD}{ENDS}",
    source="Demonyms of the countries of ISO 3166-1",
    score=0.5,
    anchors=("capital",),
    tells=Tells(first=_PEOPLES | {f"{name}s" for name in _PEOPLES}),
    hints=("nationality", "citizenship", "ethnicity"),
    validate=is_listed,
    cell=rf"{WORD}{ENDS}",
    direct=False,
)
