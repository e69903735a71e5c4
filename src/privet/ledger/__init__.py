"""The waist: accounts, claims, one gate and the durable book. Everything that leaves the data is charged here."""

from privet.ledger.account import AccountSpec, Composition
from privet.ledger.claims import Claim, State
from privet.ledger.ledger import Account, Ledger, Spent

__all__ = ["Account", "AccountSpec", "Claim", "Composition", "Ledger", "Spent", "State"]
