"""Capitalised words: what names, places and organisations in Latin script are made of."""

from __future__ import annotations

UPPER = "A-ZÀ-ÖØ-ÞĀĂĄĆČĎĐĒĖĘĚĞĢĪĮİĶĹĻĽŁŃŅŇŐŒŔŘŚŞŠŢŤŪŮŰŲŹŻŽ"
LOWER = "a-zß-öø-ÿāăąćčďđēėęěğģīįıķĺļľłńņňőœŕřśşšţťūůűųźżž"
# A word as people write names: "O'Brien", "Jean-Luc", "McDonald", "J.".
_REST = rf"[{LOWER}]++(?:[{UPPER}][{LOWER}]++)?"
WORD = rf"(?:[{UPPER}](?:['’][{UPPER}])?{_REST}(?:-[{UPPER}]?[{LOWER}]++){{0,2}}+)"
INITIAL = rf"[{UPPER}]\.?(?![{LOWER}{UPPER}0-9'’])"
LINK = "(?:van der|van den|van|von|de la|de|del|della|da|di|dos|la|le|bin|al|el|ter)"
# No letter or digit goes on after the last word.
ENDS = rf"(?![{LOWER}{UPPER}0-9])"
NAME = rf"{WORD}(?: (?:{INITIAL}|(?:{LINK} )?{WORD})){{0,4}}{ENDS}"


def last_word(before: str) -> str:
    """The word that ends in a space at the end of a text, or nothing.

    >>> last_word("she lives in "), last_word("lives in, ")
    ('in', 'in,')
    """
    return before[:-1].rpartition(" ")[2] if before.endswith(" ") else ""
