"""The page that a data-protection officer reads and signs: a pure function of a plain report value.

``model`` holds the values (start with StudyReport), ``html`` makes and writes the page. No data, ledger or network is
touched here; whoever fills the model decides what may be in it.
"""

from __future__ import annotations

from typing import Any

__all__ = ["CERTIFICATE_QUESTIONS", "StudyReport", "Withheld", "render", "write"]

_HOMES = {
    "CERTIFICATE_QUESTIONS": "model",
    "StudyReport": "model",
    "Withheld": "model",
    "render": "html",
    "write": "html",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
