"""From a URL to a store."""

from __future__ import annotations

from pathlib import Path

from privet.core.errors import InvalidParameter, LedgerUnavailable
from privet.ledger.stores.contract import Store
from privet.ledger.stores.memory import MemoryStore


def open_store(url: str, *, timeout: float = 30.0, create: bool = True) -> Store:
    """Open the book at a URL: ``memory:``, ``sqlite:///path.db`` or ``postgresql+psycopg://user@host/name``.

    ``create=False`` refuses a SQLite file that does not exist yet, so that a mistyped path is not a new, empty book.
    Errors: InvalidParameter for a URL that is none of these; LedgerUnavailable if it cannot be opened.

    >>> open_store("memory:").location
    'memory'
    """
    if url == "memory:":
        return MemoryStore()
    # Imported here: SQLAlchemy takes longer to load than all the rest of the library.
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    from privet.ledger.stores.sql import SqlStore

    try:
        parsed = make_url(url)
    except ArgumentError:
        raise InvalidParameter(
            "the ledger's URL cannot be read; give memory:, sqlite:///path.db or postgresql+psycopg://user@host/name"
        ) from None
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise InvalidParameter(f"a ledger cannot be kept in {parsed.get_backend_name()!r}; use sqlite or postgresql")
    if parsed.get_backend_name() == "sqlite":
        _check_file(parsed.database, create)
    return SqlStore(parsed, timeout=timeout)


def _check_file(database: str | None, create: bool) -> None:
    if not database or database == ":memory:":
        raise InvalidParameter("a SQLite ledger needs a file, such as sqlite:///privet.db; for memory say memory:")
    path = Path(database)
    if not path.parent.is_dir():
        raise LedgerUnavailable(f"the folder of the ledger {database} does not exist; make it first")
    if not create and not path.exists():
        raise LedgerUnavailable(f"there is no ledger at {database}; make one with 'privet ledger create'")
