"""Values that may leave, and values that may not.

``Private`` shows nothing of its content; ``Release`` is a value plus its receipt, made only at the gate; ``Public`` is
a declaration with a written reason. A secure sum is still ``Private``: it hides, it does not release.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar, final

from privet.core import _mint
from privet.core.errors import InvalidParameter, SealedValue

if TYPE_CHECKING:
    from privet.core.receipts import Receipt

T = TypeVar("T")
U = TypeVar("U")

_log = logging.getLogger("privet.public")


@final
class Private(Generic[T]):
    """A value that may not leave. It has no content to look at: no repr, length, iteration, equality or pickling.

    ``load`` is called only by the gate, after the claim is durably reserved, so a refused claim never opens the data.

    >>> Private.wrap([1, 2, 3], account="people")
    <Private value of account 'people'>
    >>> len(Private.wrap([1, 2, 3], account="people"))
    Traceback (most recent call last):
    privet.core.errors.SealedValue: a Private value has no length: pass it to account.release() or account.open()
    """

    __slots__ = ("_account", "_load")

    def __init__(self, load: Callable[[], T], *, account: str) -> None:
        self._load = load
        self._account = account

    @classmethod
    def wrap(cls, value: T, *, account: str) -> Private[T]:
        """Seal a value that is already in memory."""
        return cls(lambda: value, account=account)

    @property
    def account(self) -> str:
        """Name of the account that pays for whatever leaves."""
        return self._account

    def map_rows(self, transform: Callable[[T], U]) -> Private[U]:
        """Seal the result of a transformation that treats each row by itself; it runs when the gate opens the value.

        Guarantee: holds only if one row of the input touches at most one row of the output, which the caller
        states; a transformation that looks at several rows at once (a mean, a rank) does not qualify.
        """
        load = self._load
        return Private(lambda: transform(load()), account=self._account)

    def open(self, key: object) -> T:
        """Give the content to the gate, and to nobody else."""
        _mint.require(key, "opening a Private value")
        return self._load()

    def _refuse(self, what: str) -> NoReturn:
        raise SealedValue(f"a Private value has no {what}: pass it to account.release() or account.open()")

    def __repr__(self) -> str:
        return f"<Private value of account {self._account!r}>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __len__(self) -> int:
        self._refuse("length")

    def __iter__(self) -> NoReturn:
        self._refuse("iteration")

    def __bool__(self) -> bool:
        self._refuse("truth value")

    def __eq__(self, other: object) -> bool:
        self._refuse("equality")

    __hash__ = None  # type: ignore[assignment]

    def __getitem__(self, key: object) -> NoReturn:
        self._refuse("items")

    def __array__(self, *args: object, **kwargs: object) -> NoReturn:
        self._refuse("array form")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        self._refuse("pickled form")

    def __copy__(self) -> NoReturn:
        self._refuse("copy")

    def __deepcopy__(self, memo: object) -> NoReturn:
        self._refuse("copy")


@final
@dataclass(frozen=True)
class Release(Generic[T]):
    """A value that may leave, with the receipt of what was paid for it. Made only at the gate."""

    value: T
    receipt: Receipt
    key: object = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        _mint.require(self.key, "making a Release")
        object.__setattr__(self, "key", None)


@final
@dataclass(frozen=True, slots=True)
class Public(Generic[T]):
    """A value that somebody declares to be public, and why. The declaration is logged.

    >>> Public(42, reason="printed in the annual report").value
    42
    """

    value: T
    reason: str

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise InvalidParameter("a public value needs a written reason")
        _log.info("declared public: %s", self.reason)
