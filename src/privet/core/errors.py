"""The error family. No message ever contains data about a person.

PrivetError
├── InvalidParameter      a knob has a value that cannot be right (also a ValueError)
├── MissingDependency     an optional package is needed (also an ImportError)
├── SealedValue           a Private value was asked to show itself
├── PermitError           noise was drawn without, beyond or after a permit
├── UnsupportedEvent      an accountant cannot soundly price an event
├── PluginError           a plug-in file does not keep its contract
├── SpecError             a study file is wrong at a stated place
└── LedgerError
    ├── UnknownAccount
    ├── AccountMismatch   unit, relation or policy differ from the account's
    ├── BudgetRefused     the claim does not fit; nothing was opened
    ├── IllegalMove       a claim was asked to change to a state it cannot reach
    ├── LedgerUnavailable the book cannot be written (disk full, locked, gone); nothing left
    ├── LedgerCorrupt     the chain does not verify; names the row
    └── ReleaseFailed     the work behind the gate failed; the claim is forfeited
"""

from __future__ import annotations


class PrivetError(Exception):
    """Any error that Privet raises on purpose."""


class InvalidParameter(PrivetError, ValueError):
    """A parameter has a value outside its limits."""


class MissingDependency(PrivetError, ImportError):
    """An optional package is not installed; the message names the extra that brings it."""


class SealedValue(PrivetError, TypeError):
    """A private value was asked for its content outside the gate."""


class PermitError(PrivetError):
    """Noise was asked for without a permit, beyond its draws, or after it closed."""


class UnsupportedEvent(PrivetError):
    """No accountant can soundly price this event."""


class PluginError(PrivetError):
    """A plug-in file does not keep the contract of its family."""


class SpecError(PrivetError, ValueError):
    """A study file is wrong; the message names the place and what to do."""


class LedgerError(PrivetError):
    """Anything that stops the ledger from doing what was asked."""


class UnknownAccount(LedgerError, KeyError):
    """The ledger has no account of that name."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class AccountMismatch(LedgerError):
    """A claim's unit, relation or policy is not the account's."""


class BudgetRefused(LedgerError):
    """The claim does not fit the account or one of its parents. Nothing was opened."""


class IllegalMove(LedgerError):
    """A claim was asked to change to a state that its present state does not allow."""


class LedgerUnavailable(LedgerError):
    """The book could not be written, so nothing left."""


class LedgerCorrupt(LedgerError):
    """The book does not verify."""


class ReleaseFailed(LedgerError):
    """The work behind the gate failed; its claim is forfeited and stays spent."""
