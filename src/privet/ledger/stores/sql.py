"""A book in an SQL database: SQLite embedded, PostgreSQL for a team. The tables are the same."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError

from privet.core.errors import InvalidParameter, LedgerCorrupt, LedgerUnavailable, MissingDependency
from privet.ledger.account import AccountSpec
from privet.ledger.chain import GENESIS, Entry, canonical
from privet.ledger.claims import Claim, State
from privet.ledger.stores.contract import Balance

_tables: Final = sa.MetaData()
ENTRIES: Final = sa.Table(
    "privet_entries",
    _tables,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("account", sa.Text, nullable=False, index=True),
    sa.Column("claim", sa.Text, index=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("previous", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
)
HEAD: Final = sa.Table(
    "privet_head",
    _tables,
    sa.Column("one", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
)
ACCOUNTS: Final = sa.Table(
    "privet_accounts",
    _tables,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("spec", sa.Text, nullable=False),
    sa.Column("balance", sa.Text, nullable=False),
)
CLAIMS: Final = sa.Table(
    "privet_claims",
    _tables,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("study", sa.Text, index=True),
    sa.Column("body", sa.Text, nullable=False),
)
CHARGES: Final = sa.Table(
    "privet_charges",
    _tables,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("claim", sa.Text, primary_key=True),
)

# Any number will do as long as every Privet process uses the same one: it names the writers' lock.
_POSTGRES_LOCK: Final = 0x70726976
_PAGE: Final = 2000


class SqlStore:
    """A book behind SQLAlchemy.

    ``timeout`` is how long, in seconds, a writer waits for another before it gives up.
    Errors: LedgerUnavailable if the database cannot be reached, is locked or is full; MissingDependency if its driver
    is not installed.
    """

    def __init__(self, url: URL, *, timeout: float) -> None:
        self._url = url
        self._timeout = timeout
        self._engine: Engine | None = None
        self._pid = 0
        with self._guarded(), self._connected().begin() as connection:
            self._lock(connection)
            _tables.create_all(connection)

    @property
    def location(self) -> str:
        return self._url.render_as_string(hide_password=True)

    def _connected(self) -> Engine:
        # A connection must not be shared with a forked child, so each process makes its own engine.
        if self._engine is None or self._pid != os.getpid():
            self._engine = _make_engine(self._url, self._timeout)
            self._pid = os.getpid()
        return self._engine

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            reason = str(error.orig).strip().splitlines()[0] if error.orig else type(error).__name__
        except SQLAlchemyError as error:
            reason = type(error).__name__
        else:
            return
        raise LedgerUnavailable(
            f"the ledger at {self.location} cannot be used ({reason}); nothing was released. "
            "Check that it is reachable, not locked by a stuck process, and that the disk has room; then try again"
        )

    def _lock(self, connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_POSTGRES_LOCK)))

    @contextmanager
    def write(self) -> Iterator[SqlTransaction]:
        with self._guarded(), self._connected().begin() as connection:
            self._lock(connection)
            yield SqlTransaction(connection)

    @contextmanager
    def read(self) -> Iterator[SqlTransaction]:
        with self._guarded(), self._connected().connect() as raw:
            connection = raw.execution_options(privet_read=True)
            with connection.begin():
                yield SqlTransaction(connection)

    def close(self) -> None:
        if self._engine is not None and self._pid == os.getpid():
            self._engine.dispose()
        self._engine = None


class SqlTransaction:
    """One transaction on an SQL book."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def head(self) -> tuple[int, str]:
        row = self._connection.execute(sa.select(HEAD.c.seq, HEAD.c.hash)).first()
        return (int(row[0]), str(row[1])) if row else (0, GENESIS)

    def append(self, entry: Entry) -> None:
        row = {name: getattr(entry, name) for name in Entry.__slots__}
        self._connection.execute(ENTRIES.insert(), {**row, "body": canonical(entry.body)})
        self._put(HEAD, {"one": 1}, {"seq": entry.seq, "hash": entry.hash})

    def balance(self, account: str) -> Balance | None:
        row = self._connection.execute(sa.select(ACCOUNTS).where(ACCOUNTS.c.name == account)).first()
        return _balance(row) if row else None

    def balances(self) -> Iterable[Balance]:
        rows = self._connection.execute(sa.select(ACCOUNTS).order_by(ACCOUNTS.c.name))
        return [_balance(row) for row in rows]

    def put_balance(self, balance: Balance) -> None:
        body = {"spec": canonical(balance.spec.to_json()), "balance": canonical(balance.to_json())}
        self._put(ACCOUNTS, {"name": balance.spec.name}, body)

    def claim(self, claim: str) -> Claim | None:
        row = self._connection.execute(sa.select(CLAIMS.c.id, CLAIMS.c.body).where(CLAIMS.c.id == claim)).first()
        return _claim(row) if row else None

    def put_claim(self, claim: Claim) -> None:
        body = {"state": str(claim.state), "study": claim.study, "body": canonical(claim.to_json())}
        if self._put(CLAIMS, {"id": claim.id}, body):
            charges = [{"account": name, "claim": claim.id} for name, _ in claim.charges]
            self._connection.execute(CHARGES.insert(), charges)

    def claims(
        self, *, account: str | None = None, state: State | None = None, study: str | None = None
    ) -> Iterator[Claim]:
        query = sa.select(CLAIMS.c.id, CLAIMS.c.body)
        if account is not None:
            query = query.join(CHARGES, CHARGES.c.claim == CLAIMS.c.id).where(CHARGES.c.account == account)
        if state is not None:
            query = query.where(CLAIMS.c.state == str(state))
        if study is not None:
            query = query.where(CLAIMS.c.study == study)
        # Claim ids begin with their time, so their order is the order in which they were reserved.
        for row in self._connection.execute(query.order_by(CLAIMS.c.id)):
            yield _claim(row)

    def entries(self, *, after: int = 0) -> Iterator[Entry]:
        # Page by page, so that a reader who stops half way leaves no cursor open.
        while rows := self._connection.execute(
            sa.select(ENTRIES).where(ENTRIES.c.seq > after).order_by(ENTRIES.c.seq).limit(_PAGE)
        ).all():
            for row in rows:
                fields = dict(row._mapping)
                yield Entry(**{**fields, "body": _loads(fields["body"])})
            after = rows[-1].seq

    def _put(self, table: sa.Table, key: dict[str, Any], body: dict[str, Any]) -> bool:
        """Update the row, or make it; True if it was made."""
        where = [table.c[name] == value for name, value in key.items()]
        if self._connection.execute(table.update().where(*where).values(**body)).rowcount:
            return False
        self._connection.execute(table.insert(), {**key, **body})
        return True


def _loads(text: str) -> dict[str, Any]:
    """Read a stored body; one that was tampered with into something else must still reach the verifier."""
    try:
        body = json.loads(text)
    except ValueError:
        return {"unreadable": text}
    return body if isinstance(body, dict) else {"unreadable": text}


def _balance(row: Any) -> Balance:
    try:
        return Balance.from_json(AccountSpec.from_json(json.loads(row.spec)), json.loads(row.balance))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise LedgerCorrupt(f"account {row.name!r}: its row cannot be read; run 'privet ledger verify'") from None


def _claim(row: Any) -> Claim:
    try:
        return Claim.from_json(json.loads(row.body))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise LedgerCorrupt(f"claim {row.id}: its row cannot be read; run 'privet ledger verify'") from None


def _make_engine(url: URL, timeout: float) -> Engine:
    try:
        if url.get_backend_name() != "sqlite":
            return sa.create_engine(url, connect_args={"connect_timeout": max(2, int(timeout))}, pool_pre_ping=True)
        engine = sa.create_engine(url, connect_args={"timeout": timeout})
    except (NoSuchModuleError, ImportError):
        raise MissingDependency(
            f"no driver for {url.drivername!r}; PostgreSQL needs 'pip install privet[postgres]' and a URL that "
            "begins with postgresql+psycopg://"
        ) from None
    except TypeError:
        raise InvalidParameter(f"{url.drivername!r} is not a database Privet can keep a book in") from None
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, record: Any) -> None:
    # SQLite's own transaction control, so that writers exclude each other from the first statement on.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    reading = connection.get_execution_options().get("privet_read", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
