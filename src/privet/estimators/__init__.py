"""Models with the interface of scikit-learn: every fit is one claim at the gate."""

from typing import Any

__all__ = ["LogisticRegression"]


def __getattr__(name: str) -> Any:
    # scikit-learn takes a while to load, so it is loaded when an estimator is first asked for.
    if name == "LogisticRegression":
        from privet.estimators.logistic import LogisticRegression

        return LogisticRegression
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
