"""THE DOOR. Data come in sealed, leave released, and only here.

The order is always: check the terms, price, reserve durably, only then open the data and hand out noise, apply,
commit with a digest, wrap. Whatever fails after the reservation forfeits the claim: it stays spent, and the error that
comes out carries no data.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from privet._version import __version__
from privet.core._mint import KEY
from privet.core.errors import AccountMismatch, BudgetRefused, LedgerError, PermitError, PrivetError, ReleaseFailed
from privet.core.events import Event, from_json, to_json
from privet.core.permits import PermittedNoise
from privet.core.protocols import Mechanism, Plan
from privet.core.receipts import Receipt, digest
from privet.core.sealed import Private, Release
from privet.ledger.book import Book, Request
from privet.ledger.claims import Claim, State
from privet.ledger.quote import require_same_promise
from privet.noise.secure import SecureNoise

T = TypeVar("T")
R = TypeVar("R")


def release(
    book: Book,
    account: str,
    mechanism: Mechanism[T, R],
    private: Private[T],
    *,
    delta: float | Fraction | None = None,
    part: str | None = None,
    study: str | None = None,
) -> Release[R]:
    """Answer once, through the gate.

    Guarantee: nothing is opened before the claim is durably reserved; exactly ``mechanism.draws`` draws are used; the
    answer leaves only once its commitment is durable.
    Errors: BudgetRefused, AccountMismatch (nothing was opened); ReleaseFailed (forfeited); LedgerUnavailable.
    """
    _check(book, account, mechanism, private)
    request = Request(account, mechanism.name, mechanism.event, delta=delta, part=part, study=study)
    claim = book.reserve(request)
    noise = PermittedNoise(SecureNoise(), draws=mechanism.draws, key=KEY)
    failure: ReleaseFailed | None = None
    try:
        value = mechanism.apply(private.open(KEY), noise)
        _require_all_drawn(noise.close(KEY))
    except Exception as error:
        failure = _forfeit(book, claim, error)
    except BaseException as interrupt:
        _forfeit(book, claim, interrupt)
        raise
    if failure is not None:
        raise failure
    return _commit(book, claim, value, noise_class=noise.noise_class)


def open_plan(
    book: Book,
    account: str,
    plan: Plan,
    private: Private[T],
    *,
    delta: float | Fraction | None = None,
    part: str | None = None,
    study: str | None = None,
    resume: str | None = None,
) -> Run[T]:
    """Begin work of many steps under one claim; use the result in a ``with`` statement.

    ``resume`` continues a reserved claim whose process died: journaled steps are never drawn again.
    Errors: as ``release``.
    """
    _check(book, account, plan, private)
    event = plan.event_after(plan.steps)
    if resume is None:
        request = Request(account, plan.name, event, delta=delta, part=part, steps=plan.steps, study=study)
        claim = book.reserve(request)
    else:
        claim = _resumable(book.claim(resume), account=account, event=event)
    return Run(book, claim, plan, private)


class Run(Generic[T]):
    """A plan at work: its data, its noise step by step, and its one release.

    Steps are journaled in blocks before their noise is handed out, so a run that is resumed goes on after the last
    block and can never draw a step twice; steps of a block lost in a crash count as drawn.
    """

    __slots__ = (
        "_block",
        "_book",
        "_claim",
        "_closed",
        "_noise",
        "_noise_class",
        "_plan",
        "_private",
        "_ran",
        "_source",
        "_steps",
        "_value",
    )

    def __init__(self, book: Book, claim: Claim, plan: Plan, private: Private[T]) -> None:
        self._book = book
        self._claim = claim
        self._plan = plan
        self._private = private
        self._block = max(1, plan.steps // 50)
        self._ran = claim.drawn
        self._closed = False
        # One for all steps, so that what it makes ahead is used.
        self._source = SecureNoise()
        self._noise: PermittedNoise | None = None
        self._noise_class = "no noise drawn"
        self._steps = self._hand_out()

    @property
    def claim(self) -> str:
        """Id of the claim, with which a run can be resumed."""
        return self._claim.id

    @property
    def data(self) -> T:
        """The opened data. Only inside the ``with`` statement."""
        return self._value

    @property
    def steps_done(self) -> int:
        """Steps whose noise has been handed out, those before a resumption included."""
        return self._ran

    def __enter__(self) -> Self:
        failure: ReleaseFailed | None = None
        try:
            self._value: T = self._private.open(KEY)
        except Exception as error:
            self._closed = True
            failure = _forfeit(self._book, self._claim, error)
        except BaseException as interrupt:
            self._closed = True
            _forfeit(self._book, self._claim, interrupt)
            raise
        if failure is not None:
            raise failure
        return self

    def steps(self) -> Iterator[PermittedNoise]:
        """Noise for each step that is left, good for exactly the plan's draws; another call goes on from there."""
        return self._steps

    def _hand_out(self) -> Iterator[PermittedNoise]:
        journaled = self._ran
        while self._ran < self._plan.steps:
            self._require_live()
            if self._ran >= journaled:
                journaled = min(self._plan.steps, self._ran + self._block)
                self._book.journal(self._claim.id, drawn=journaled)
            self._ran += 1
            self._noise = PermittedNoise(self._source, draws=self._plan.draws_per_step, key=KEY)
            self._noise_class = self._noise.noise_class
            yield self._noise
            self._end_step()

    def _end_step(self) -> None:
        """Close the permit of the present step; every draw it declared must have been made."""
        noise, self._noise = self._noise, None
        if noise is not None:
            _require_all_drawn(noise.close(KEY))

    def release(self, value: R) -> Release[R]:
        """Commit the steps that ran and let the value out. Afterwards the run is closed."""
        self._require_live()
        self._end_step()
        self._closed = True
        ran = None if self._ran == self._plan.steps else self._plan.event_after(self._ran)
        return _commit(self._book, self._claim, value, noise_class=self._noise_class, ran=ran, steps=self._ran)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._closed:
            return
        self._closed = True
        if self._noise is not None:
            self._noise.close(KEY)
        failure = _forfeit(self._book, self._claim, error)
        if error is not None and not isinstance(error, Exception):
            return
        try:
            raise failure from None
        finally:
            # The original error may hold data; nothing of it goes out, not even as context.
            failure.__context__ = None

    def _require_live(self) -> None:
        if self._closed:
            raise PermitError("this run is closed; open a new claim")


def _check(book: Book, account: str, work: Mechanism[Any, Any] | Plan, private: Private[Any]) -> None:
    if not isinstance(private, Private):
        raise AccountMismatch(
            f"{work.name!r} was given a {type(private).__name__}, not a Private value; nothing was charged. "
            "Seal the data first: account.seal(...)"
        )
    family = book.family(account)
    if private.account not in [spec.name for spec in family]:
        raise AccountMismatch(
            f"the data belong to account {private.account!r}, which {account!r} is not part of; nothing was opened"
        )
    require_same_promise(family[0], name=work.name, unit=work.unit, relation=work.relation)


def _resumable(claim: Claim, *, account: str, event: Event) -> Claim:
    if claim.state is not State.RESERVED or claim.account != account:
        raise BudgetRefused(f"claim {claim.id} of {claim.account!r} is {claim.state}; only a reserved one is resumed")
    if from_json(claim.event) != event:
        raise BudgetRefused(f"claim {claim.id} was reserved for another plan; resume it with that plan")
    return claim


def _require_all_drawn(left: int) -> None:
    if left:
        raise PermitError(f"{left} declared noise draws were not made; what was paid for is not what ran")


def _forfeit(book: Book, claim: Claim, error: BaseException | None) -> ReleaseFailed:
    """Forfeit the claim and make the error that may go out: the kind of failure, never its text."""
    kind = "the work ended without a release" if error is None else type(error).__name__
    try:
        book.forfeit(claim.id, reason=kind)
        outcome = "forfeited"
    except LedgerError:
        outcome = "left as reserved, because the ledger could not be written"
    # Our own errors never hold data, so their text may go out; anybody else's may.
    detail = f": {error}" if isinstance(error, PrivetError) else "; its text is withheld because it may hold data"
    return ReleaseFailed(
        f"{claim.name!r} failed behind the gate ({kind}{detail if error is not None else ''}). Claim {claim.id} is "
        f"{outcome} and stays spent; a retry is a new claim"
    )


def _commit(
    book: Book, claim: Claim, value: R, *, noise_class: str, ran: Event | None = None, steps: int | None = None
) -> Release[R]:
    sealed_by = digest(value)
    new, entry = book.commit(claim.id, digest=sealed_by, noise_class=noise_class, ran=ran, steps=steps)
    spec = book.family(new.account)[0]
    receipt = Receipt(
        claim=new.id,
        account=new.account,
        name=new.name,
        event=to_json(from_json(new.event)),
        guarantee=new.guarantee,
        epsilon=new.epsilon,
        delta=new.delta,
        unit=spec.unit.describe(),
        relation=str(spec.relation),
        noise_class=noise_class,
        digest=sealed_by,
        entry=entry.seq,
        entry_hash=entry.hash,
        committed_at=entry.at,
        version=__version__,
    )
    return Release(value, receipt, key=KEY)
