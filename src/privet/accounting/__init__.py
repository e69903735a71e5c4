"""Counting: what events cost, how much noise a target needs, and what a guarantee means. Accountants never act.

``price`` and ``risk`` are in the modules of their names: ``from privet.accounting.price import price``.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "Price": "price",
    "PrivacyCurve": "curve",
    "Risk": "risk",
    "calibrate_noise": "calibrate",
    "calibrate_steps": "calibrate",
    "epsilon_by_engine": "price",
    "in_words": "risk",
    "privacy_curve": "curve",
    "renyi_curve": "renyi",
    "worst_case_risk": "risk",
}

__all__ = [
    "Price",
    "PrivacyCurve",
    "Risk",
    "calibrate_noise",
    "calibrate_steps",
    "epsilon_by_engine",
    "in_words",
    "privacy_curve",
    "renyi_curve",
    "worst_case_risk",
]


def __getattr__(name: str) -> Any:
    # numpy and scipy are loaded when something is first counted, not when the library is imported.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
