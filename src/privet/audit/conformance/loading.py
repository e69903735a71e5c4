"""A user's own trainer by its name: ``module:factory``."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

from privet.audit.conformance.trainer import Trainer
from privet.core.errors import InvalidParameter


def load_trainer(reference: str) -> Trainer:
    """The trainer that ``factory()`` of ``module`` makes; the present folder is looked into too.

    Errors: InvalidParameter, which says what of the reference does not work.

    >>> load_trainer("privet.audit.conformance:engine_trainer").name
    'privet.training.PrivacyEngine'
    """
    module, colon, name = reference.partition(":")
    if not (module and colon and name):
        raise InvalidParameter(f"the trainer is {reference!r}; give module:factory, such as my_training:trainer")
    factory = _factory(module, name)
    try:
        made = factory()
    except Exception as error:
        raise InvalidParameter(f"{reference} stopped with {type(error).__name__}: {error}") from error
    if not isinstance(made, Trainer):
        raise InvalidParameter(
            f"{reference} gave a {type(made).__name__}; make it give a privet.audit.conformance.Trainer"
        )
    return made


def _factory(module: str, name: str) -> Any:
    sys.path.insert(0, os.getcwd())
    try:
        found = getattr(importlib.import_module(module), name, None)
    except Exception as error:
        raise InvalidParameter(
            f"module {module!r} cannot be imported ({type(error).__name__}: {error}); give one that can be from here"
        ) from error
    finally:
        sys.path.pop(0)
    if not callable(found):
        raise InvalidParameter(f"module {module!r} has no function {name!r}; give one that makes a Trainer")
    return found
