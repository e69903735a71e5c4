"""Where a book is kept. Each store keeps the same contract; one test suite runs on all of them."""

from privet.ledger.stores.contract import Balance, Store, Transaction
from privet.ledger.stores.opening import open_store

__all__ = ["Balance", "Store", "Transaction", "open_store"]
