"""Adapters are looked through for examples only where the framework of their name is installed."""

from __future__ import annotations

from importlib.util import find_spec

FRAMEWORKS = {"hugging_face": "transformers", "lightning": "lightning"}

collect_ignore = [
    f"privet/training/adapters/{adapter}.py"
    for adapter, framework in FRAMEWORKS.items()
    if find_spec(framework) is None
]
