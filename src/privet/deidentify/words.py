"""Capitalised words: what names, places and organisations in Latin script are made of."""

from __future__ import annotations

import re

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

_PIECE = re.compile(r"[^ ]+")


def pieces(text: str) -> list[tuple[int, str]]:
    """The words of a run with their places.

    >>> pieces("Mary J. Smith")
    [(0, 'Mary'), (5, 'J.'), (8, 'Smith')]
    """
    return [(match.start(), match.group()) for match in _PIECE.finditer(text)]
