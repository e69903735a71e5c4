"""Lists of names, places and words that the recognisers look in; README.md says where each is from."""

from __future__ import annotations

import functools
from pathlib import Path


@functools.cache
def entries(name: str) -> frozenset[str]:
    """The entries of one list, read on first use.

    >>> "mary" in entries("given_names"), "south africa" in entries("places")
    (True, True)
    """
    text = (Path(__file__).parent / f"{name}.txt").read_text(encoding="utf-8")
    return frozenset(text.replace("|", "\n").splitlines() if name == "places" else text.split())
