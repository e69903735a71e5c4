"""The door: refusal before touch, exact draws, no data in errors, forfeits stay spent."""

from __future__ import annotations

import copy
import pickle
from fractions import Fraction

import pytest

from privet.core.errors import (
    AccountMismatch,
    BudgetRefused,
    IllegalMove,
    LedgerUnavailable,
    PermitError,
    ReleaseFailed,
    SealedValue,
)
from privet.core.neighbours import PrivacyUnit, Relation
from privet.core.receipts import Receipt, digest
from privet.core.sealed import Private, Release
from privet.ledger import Ledger, State

from .conftest import make_account
from .stand_ins import NoisyLength, NoisySteps, Unbounded

SECRET = "Wang Xiaoming has diabetes"


class Tripwire(Exception):
    """Raised when data are opened."""


def tripwire() -> list[int]:
    raise Tripwire


def test_a_release_carries_a_receipt_that_the_book_confirms(any_ledger: Ledger) -> None:
    account = make_account(any_ledger)
    released = account.release(NoisyLength(Fraction(1, 2)), account.seal([1, 2, 3]))
    assert isinstance(released, Release)
    receipt = released.receipt
    assert receipt.digest == digest(released.value)
    assert receipt.epsilon == 0.5
    assert receipt.delta == 0
    entry = next(row for row in any_ledger.book.entries() if row.seq == receipt.entry)
    assert (entry.hash, entry.kind, entry.claim) == (receipt.entry_hash, "committed", receipt.claim)
    assert Receipt.from_json(receipt.to_json()) == receipt


def test_refusal_happens_before_the_data_are_opened(any_ledger: Ledger) -> None:
    account = make_account(any_ledger)
    sealed = account.seal_source(tripwire)
    with pytest.raises(BudgetRefused, match="nothing was opened"):
        account.release(NoisyLength(Fraction(2)), sealed)
    with pytest.raises(BudgetRefused, match="nothing was opened"):
        account.open(NoisySteps(noise_multiplier=0.1), sealed)
    assert account.history() == []


def test_the_data_are_opened_only_after_the_claim_is_durable(any_ledger: Ledger) -> None:
    account = make_account(any_ledger)
    seen: list[State] = []

    def load() -> list[int]:
        seen.extend(claim.state for claim in account.history())
        return [1]

    account.release(NoisyLength(Fraction(1, 2)), account.seal_source(load))
    assert seen == [State.RESERVED]


@pytest.mark.parametrize(
    "wrong",
    [
        NoisyLength(Fraction(1, 2), unit=PrivacyUnit("client")),
        NoisyLength(Fraction(1, 2), relation=Relation.REPLACE_ONE),
    ],
)
def test_units_and_relations_are_never_mixed(ledger: Ledger, wrong: NoisyLength) -> None:
    account = make_account(ledger)
    with pytest.raises(AccountMismatch, match="nothing was opened"):
        account.release(wrong, account.seal_source(tripwire))
    assert account.spent().claims == 0


def test_data_of_one_account_are_not_paid_for_by_another(ledger: Ledger) -> None:
    people, others = make_account(ledger), make_account(ledger, "others")
    share = people.allot("share", epsilon=1, delta=0)
    with pytest.raises(AccountMismatch, match="belong to account 'people'"):
        others.release(NoisyLength(Fraction(1, 2)), people.seal_source(tripwire))
    assert share.release(NoisyLength(Fraction(1, 2)), people.seal([1])).receipt.account == "share"
    assert people.spent().epsilon == 0.5


def test_plain_data_are_refused_at_the_gate(ledger: Ledger) -> None:
    account = make_account(ledger)
    with pytest.raises(AccountMismatch, match="Seal the data first"):
        account.release(NoisyLength(Fraction(1, 2)), [1, 2, 3])  # type: ignore[arg-type]


def raise_secret() -> None:
    raise ValueError(SECRET)


def leaves_no_trace(error: BaseException) -> bool:
    chain: list[BaseException] = [error]
    while (following := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(following)
    return all(SECRET not in repr(link) and SECRET not in str(link) for link in chain)


def test_an_error_behind_the_gate_forfeits_the_claim_and_carries_no_data(any_ledger: Ledger) -> None:
    account = make_account(any_ledger)
    with pytest.raises(ReleaseFailed, match="ValueError") as caught:
        account.release(NoisyLength(Fraction(1, 2), before=raise_secret), account.seal([1]))
    assert leaves_no_trace(caught.value)
    assert [claim.state for claim in account.history()] == [State.FORFEITED]
    assert account.spent().epsilon == 0.5


def test_an_error_inside_a_run_forfeits_the_claim_and_carries_no_data(any_ledger: Ledger) -> None:
    account = make_account(any_ledger, epsilon=10, delta=1e-5)
    with (
        pytest.raises(ReleaseFailed, match="ValueError") as caught,
        account.open(NoisySteps(), account.seal([1])) as run,
    ):
        next(iter(run.steps())).gaussian(stddev=1.0, size=1)
        raise_secret()
    assert leaves_no_trace(caught.value)
    assert [claim.state for claim in account.history()] == [State.FORFEITED]


def test_data_that_cannot_be_loaded_forfeit_the_claim(ledger: Ledger) -> None:
    account = make_account(ledger, epsilon=10, delta=1e-5)
    with pytest.raises(ReleaseFailed, match="Tripwire"), account.open(NoisySteps(), account.seal_source(tripwire)):
        pass
    with pytest.raises(ReleaseFailed, match="Tripwire"):
        account.release(NoisyLength(Fraction(1, 2)), account.seal_source(tripwire))
    assert {claim.state for claim in account.history()} == {State.FORFEITED}


def interrupt() -> None:
    raise KeyboardInterrupt


def test_ctrl_c_forfeits_the_claim_and_goes_through(any_ledger: Ledger) -> None:
    account = make_account(any_ledger)
    with pytest.raises(KeyboardInterrupt):
        account.release(NoisyLength(Fraction(1, 2), before=interrupt), account.seal([1]))
    assert [claim.state for claim in account.history()] == [State.FORFEITED]


@pytest.mark.parametrize(("declared", "made"), [(1, 2), (2, 1), (0, 1), (1, 0)])
def test_exactly_the_declared_draws_are_made_or_nothing_leaves(ledger: Ledger, declared: int, made: int) -> None:
    account = make_account(ledger)
    with pytest.raises(ReleaseFailed, match="draw"):
        account.release(NoisyLength(Fraction(1, 2), draws=declared, calls=made), account.seal([1]))
    assert account.spent().epsilon == 0.5


def test_noise_cannot_be_kept_for_later(ledger: Ledger) -> None:
    account = make_account(ledger, epsilon=10, delta=1e-5)
    with account.open(NoisySteps(steps=1), account.seal([1])) as run:
        kept = next(iter(run.steps()))
        kept.gaussian(stddev=1.0, size=1)
        run.release(0)
    with pytest.raises(PermitError):
        kept.gaussian(stddev=1.0, size=1)


def test_a_run_hands_out_exactly_its_steps_and_one_release(any_ledger: Ledger) -> None:
    account = make_account(any_ledger, epsilon=10, delta=1e-5)
    with account.open(NoisySteps(steps=7), account.seal([1])) as run:
        total = sum(float(noise.gaussian(stddev=1.0, size=1)[0]) for noise in run.steps())
        assert list(run.steps()) == []
        released = run.release(total)
        with pytest.raises(PermitError, match="closed"):
            run.release(total)
    claim = any_ledger.book.claim(released.receipt.claim)
    assert (claim.state, claim.drawn, claim.steps) == (State.COMMITTED, 7, 7)


def test_a_step_without_its_draw_fails_the_run(ledger: Ledger) -> None:
    account = make_account(ledger, epsilon=10, delta=1e-5)
    with pytest.raises(ReleaseFailed, match="not made"), account.open(NoisySteps(), account.seal([1])) as run:
        for _noise in run.steps():
            pass


def test_a_run_that_stops_early_pays_for_the_steps_that_ran(any_ledger: Ledger) -> None:
    account = make_account(any_ledger, epsilon=10, delta=1e-5)
    with account.open(NoisySteps(steps=100), account.seal([1])) as run:
        for count, noise in enumerate(run.steps(), start=1):
            noise.gaussian(stddev=1.0, size=1)
            if count == 13:
                break
        released = run.release("model")
    claim = any_ledger.book.claim(released.receipt.claim)
    assert claim.drawn == 13
    assert released.receipt.event["count"] == 13


def test_leaving_a_run_without_a_release_forfeits_it(any_ledger: Ledger) -> None:
    account = make_account(any_ledger, epsilon=10, delta=1e-5)
    with pytest.raises(ReleaseFailed, match="without a release"), account.open(NoisySteps(), account.seal([1])):
        pass
    assert account.history()[0].state is State.FORFEITED


def test_a_resumed_run_never_draws_a_journaled_step_again(any_ledger: Ledger) -> None:
    account = make_account(any_ledger, epsilon=10, delta=1e-5)
    plan, sealed = NoisySteps(steps=200), account.seal([1])
    # A crash: the run is left behind without its exit ever being reached.
    crashed = account.open(plan, sealed)
    crashed.__enter__()
    steps = crashed.steps()
    for _ in range(9):
        next(steps).gaussian(stddev=1.0, size=1)
    steps_at_crash = any_ledger.book.claim(crashed.claim).drawn
    assert steps_at_crash >= 9
    with account.open(plan, sealed, resume=crashed.claim) as run:
        left = 0
        for noise in run.steps():
            noise.gaussian(stddev=1.0, size=1)
            left += 1
        run.release("model")
    assert left == 200 - steps_at_crash
    assert len(account.history()) == 1


def test_only_a_reserved_claim_of_the_same_plan_is_resumed(ledger: Ledger) -> None:
    account = make_account(ledger, epsilon=10, delta=1e-5)
    crashed = account.open(NoisySteps(steps=10), account.seal([1]))
    with pytest.raises(BudgetRefused, match="another plan"):
        account.open(NoisySteps(steps=11), account.seal([1]), resume=crashed.claim)
    ledger.book.forfeit(crashed.claim, reason="test")
    with pytest.raises(BudgetRefused, match="forfeited"):
        account.open(NoisySteps(steps=10), account.seal([1]), resume=crashed.claim)


def test_a_release_without_a_guarantee_needs_an_account_that_allows_it(any_ledger: Ledger) -> None:
    strict = make_account(any_ledger)
    with pytest.raises(BudgetRefused, match="does not allow"):
        strict.release(Unbounded(), strict.seal_source(tripwire))
    open_book = make_account(any_ledger, "laboratory", allow_no_guarantee=True)
    released = open_book.release(Unbounded(), open_book.seal([1, 2]))
    assert released.receipt.epsilon is None
    assert "no guarantee" in released.receipt.guarantee
    spent = open_book.spent()
    assert (spent.unbounded, spent.epsilon) == (1, 0.0)


def test_when_the_commitment_cannot_be_written_nothing_leaves_and_the_claim_stays_spent(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make_account(ledger)

    def fail(*args: object, **kwargs: object) -> None:
        raise LedgerUnavailable("disk full")

    monkeypatch.setattr(type(ledger.book), "commit", fail)
    with pytest.raises(LedgerUnavailable):
        account.release(NoisyLength(Fraction(1, 2)), account.seal([1]))
    assert account.history()[0].state is State.RESERVED
    assert account.spent().epsilon == 0.5


def test_a_private_value_shows_nothing_of_itself() -> None:
    sealed = Private.wrap([SECRET], account="people")
    assert SECRET not in f"{sealed!r} {sealed!s} {sealed}"
    forbidden = [len, iter, bool, pickle.dumps, copy.copy, copy.deepcopy, hash, lambda p: p == p, lambda p: p[0], list]
    for look in forbidden:
        with pytest.raises((SealedValue, TypeError)):
            look(sealed)
    with pytest.raises(SealedValue, match="only by the gate"):
        sealed.open("key")


def test_a_release_cannot_be_made_by_hand(ledger: Ledger) -> None:
    account = make_account(ledger)
    receipt = account.release(NoisyLength(Fraction(1, 2)), account.seal([1])).receipt
    with pytest.raises(SealedValue, match="only by the gate"):
        Release(42, receipt)


def test_mapping_a_private_value_opens_nothing_until_the_gate_does(ledger: Ledger) -> None:
    account = make_account(ledger)
    opened: list[str] = []
    sealed = account.seal([1, 2]).map_rows(lambda rows: opened.append("x") or rows)
    assert opened == []
    account.release(NoisyLength(Fraction(1, 2)), sealed)
    assert opened == ["x"]


def test_a_forfeited_claim_is_never_committed_afterwards(ledger: Ledger) -> None:
    account = make_account(ledger)
    with pytest.raises(ReleaseFailed):
        account.release(NoisyLength(Fraction(1, 2), before=raise_secret), account.seal([1]))
    claim = account.history()[0]
    with pytest.raises(IllegalMove):
        ledger.book.commit(claim.id, digest="d", noise_class="n")
