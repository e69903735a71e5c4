"""One contract for every store: memory, SQLite, PostgreSQL."""

from __future__ import annotations

import dataclasses
import multiprocessing
import threading
from fractions import Fraction

import pytest

from privet.core.errors import BudgetRefused, IllegalMove, InvalidParameter, UnknownAccount
from privet.core.events import Gaussian, NoRelease, PureLoss, Repeated
from privet.core.neighbours import PrivacyUnit, Relation
from privet.ledger import AccountSpec, Ledger, State
from privet.ledger.book import Request
from privet.ledger.chain import link
from privet.ledger.verify import verify

from .conftest import PERSON, RELATION, make_account


def reserve(ledger: Ledger, epsilon: object, *, account: str = "people", **fields: object):
    return ledger.book.reserve(Request(account, "claim", PureLoss(epsilon), **fields))  # type: ignore[arg-type]


def test_an_account_comes_back_as_it_was_made(any_ledger: Ledger) -> None:
    terms = {"parts": ("north", "south"), "purpose": "研究", "opens": "2020-01-01", "closes": "2100-12-31"}
    made = make_account(any_ledger, epsilon="1.5", delta=1e-6, unit=PrivacyUnit("p", column="id", max_rows=4), **terms)
    spec = any_ledger.account("people").spec
    assert spec == made.spec
    assert spec.epsilon == Fraction(3, 2)
    assert spec.parts == ("north", "south")
    assert spec.purpose == "研究"


def test_an_account_is_never_changed_or_made_twice(any_ledger: Ledger) -> None:
    make_account(any_ledger)
    with pytest.raises(InvalidParameter, match="exists already"):
        make_account(any_ledger, epsilon=9)
    assert any_ledger.account("people").spent().epsilon_limit == 1


def test_an_unknown_account_is_refused_and_the_known_ones_are_listed(any_ledger: Ledger) -> None:
    make_account(any_ledger)
    with pytest.raises(UnknownAccount, match="'people'"):
        any_ledger.account("peple")


def test_ten_claims_of_a_tenth_fit_exactly_and_an_eleventh_does_not(any_ledger: Ledger) -> None:
    make_account(any_ledger, epsilon=1.0)
    for _ in range(10):
        reserve(any_ledger, 0.1)
    with pytest.raises(BudgetRefused, match="does not fit"):
        reserve(any_ledger, Fraction(1, 10**17))
    assert any_ledger.account("people").spent().epsilon == 1.0


def test_a_refused_claim_leaves_no_trace(any_ledger: Ledger) -> None:
    account = make_account(any_ledger)
    before = list(any_ledger.book.entries())
    with pytest.raises(BudgetRefused):
        reserve(any_ledger, 2)
    assert list(any_ledger.book.entries()) == before
    assert account.history() == []


def test_reserved_committed_and_forfeited_claims_are_all_spent(any_ledger: Ledger) -> None:
    account = make_account(any_ledger)
    kept, done, lost = (reserve(any_ledger, "0.2") for _ in range(3))
    any_ledger.book.commit(done.id, digest="d", noise_class="n")
    any_ledger.book.forfeit(lost.id, reason="test")
    assert account.spent().epsilon == pytest.approx(0.6, abs=1e-15)
    states = {claim.id: claim.state for claim in account.history()}
    assert states == {kept.id: State.RESERVED, done.id: State.COMMITTED, lost.id: State.FORFEITED}
    assert [claim.id for claim in account.history(state=State.FORFEITED)] == [lost.id]


@pytest.mark.parametrize("first", ["commit", "forfeit"])
@pytest.mark.parametrize("second", ["commit", "forfeit", "journal"])
def test_a_closed_claim_never_moves_again(any_ledger: Ledger, first: str, second: str) -> None:
    make_account(any_ledger)
    claim = reserve(any_ledger, "0.1")
    moves = {
        "commit": lambda: any_ledger.book.commit(claim.id, digest="d", noise_class="n"),
        "forfeit": lambda: any_ledger.book.forfeit(claim.id, reason="test"),
        "journal": lambda: any_ledger.book.journal(claim.id, drawn=1),
    }
    moves[first]()
    with pytest.raises(IllegalMove):
        moves[second]()


def test_a_claim_must_fit_every_account_above_it_in_one_transaction(any_ledger: Ledger) -> None:
    top = make_account(any_ledger, epsilon=1)
    top.allot("ada", epsilon="0.8", delta=0, analyst="Ada")
    any_ledger.account("ada").allot("ada-june", epsilon="0.8", delta=0, purpose="June")
    top.allot("bob", epsilon="0.8", delta=0)
    reserve(any_ledger, "0.7", account="ada-june")
    with pytest.raises(BudgetRefused, match="'people'"):
        reserve(any_ledger, "0.4", account="bob")
    with pytest.raises(BudgetRefused, match="'ada'"):
        reserve(any_ledger, "0.15", account="ada")
    spent = {name: any_ledger.account(name).spent().epsilon for name in ("people", "ada", "ada-june", "bob")}
    assert spent == {"people": 0.7, "ada": 0.7, "ada-june": 0.7, "bob": 0.0}
    assert len(top.history()) == 1


def test_an_allotment_larger_than_its_parent_or_of_another_unit_is_refused(any_ledger: Ledger) -> None:
    make_account(any_ledger)
    with pytest.raises(InvalidParameter, match="larger than its parent"):
        any_ledger.account("people").allot("big", epsilon=2, delta=0)
    with pytest.raises(InvalidParameter, match="must be the same"):
        make_account(any_ledger, "other", unit=PrivacyUnit("client"), parent="people")
    with pytest.raises(UnknownAccount):
        make_account(any_ledger, "orphan", parent="nobody")


def test_parts_compose_in_parallel_and_the_whole_adds_to_each(any_ledger: Ledger) -> None:
    account = make_account(any_ledger, parts=("a", "b"))
    reserve(any_ledger, "0.6", part="a")
    reserve(any_ledger, "0.6", part="b")
    assert account.spent().epsilon == 0.6
    reserve(any_ledger, "0.4")
    assert account.spent().epsilon == 1.0
    with pytest.raises(BudgetRefused):
        reserve(any_ledger, "0.001", part="a")
    with pytest.raises(BudgetRefused, match="no part 'c'"):
        reserve(any_ledger, "0.001", part="c")


def test_a_part_counts_in_full_against_the_accounts_above(any_ledger: Ledger) -> None:
    make_account(any_ledger, epsilon=1)
    any_ledger.account("people").allot("split", epsilon=1, delta=0, parts=("a", "b"))
    reserve(any_ledger, "0.6", account="split", part="a")
    with pytest.raises(BudgetRefused, match="'people'"):
        reserve(any_ledger, "0.6", account="split", part="b")


def test_parts_under_replace_one_are_refused(any_ledger: Ledger) -> None:
    with pytest.raises(InvalidParameter, match="two parts"):
        make_account(any_ledger, relation=Relation.REPLACE_ONE, parts=("a",))


def test_an_allotment_takes_claims_only_between_its_dates(any_ledger: Ledger) -> None:
    top = make_account(any_ledger)
    top.allot("past", epsilon=1, delta=0, closes="2020-12-31")
    top.allot("future", epsilon=1, delta=0, opens="2999-01-01")
    for name in ("past", "future"):
        with pytest.raises(BudgetRefused, match="takes claims from"):
            reserve(any_ledger, "0.1", account=name)
    assert top.spent().claims == 0


def test_the_journal_only_goes_forward_and_never_past_the_plan(any_ledger: Ledger) -> None:
    make_account(any_ledger, epsilon=10, delta=1e-5)
    claim = any_ledger.book.reserve(Request("people", "plan", Repeated(Gaussian(10), 10), steps=10))
    any_ledger.book.journal(claim.id, drawn=4)
    assert any_ledger.book.claim(claim.id).drawn == 4
    for drawn in (3, 11):
        with pytest.raises(IllegalMove, match=f"cannot go to {drawn}"):
            any_ledger.book.journal(claim.id, drawn=drawn)


def test_a_plan_that_stops_early_gets_its_unused_steps_back_on_the_renyi_tracks_only(any_ledger: Ledger) -> None:
    account = make_account(any_ledger, epsilon=10, delta=1e-5)
    claim = any_ledger.book.reserve(Request("people", "plan", Repeated(Gaussian(10), 100), steps=100))
    ten = Repeated(Gaussian(10), 10)
    any_ledger.book.commit(claim.id, digest="d", noise_class="n", ran=ten, steps=10)
    after = any_ledger.book.balance("people").spent[""]
    assert after.epsilon == claim.cost.epsilon
    assert after.delta == claim.cost.delta
    fresh = make_account(any_ledger, "fresh", epsilon=10, delta=1e-5)
    alone = any_ledger.book.reserve(Request("fresh", "plan", ten, steps=10))
    assert after.renyi == alone.cost.renyi
    assert account.spent().epsilon <= fresh.spent().epsilon * (1 + 1e-9) or account.spent().epsilon < 10
    assert verify(any_ledger.book.store).ok


def test_an_event_that_costs_nothing_costs_nothing(any_ledger: Ledger) -> None:
    account = make_account(any_ledger)
    any_ledger.book.reserve(Request("people", "nothing", NoRelease()))
    assert account.spent().epsilon == 0


def test_claims_are_found_by_study_and_state(any_ledger: Ledger) -> None:
    make_account(any_ledger)
    first = reserve(any_ledger, "0.1", study="one")
    reserve(any_ledger, "0.1", study="two")
    assert [claim.id for claim in any_ledger.book.claims(study="one", state=State.RESERVED)] == [first.id]


def test_a_transaction_that_fails_half_way_changes_nothing(any_ledger: Ledger) -> None:
    make_account(any_ledger)
    claim = reserve(any_ledger, "0.1")
    before = list(any_ledger.book.entries())

    class Stop(Exception):
        pass

    def fail() -> None:
        with any_ledger.book.store.write() as book:
            book.append(link(book.head(), at="now", kind="note", account="people", claim=None, body={}))
            book.put_claim(dataclasses.replace(claim, drawn=1))
            raise Stop

    with pytest.raises(Stop):
        fail()
    assert list(any_ledger.book.entries()) == before
    assert any_ledger.book.claim(claim.id).drawn == 0


def test_threads_racing_for_the_last_unit_leave_one_winner(any_ledger: Ledger) -> None:
    make_account(any_ledger)
    won: list[str] = []

    def race() -> None:
        try:
            won.append(reserve(any_ledger, "0.6").id)
        except BudgetRefused:
            pass

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert verify(any_ledger.book.store).ok


def _race(url: str, results) -> None:  # type: ignore[no-untyped-def]
    book = Ledger.open(url).book
    granted = 0
    for _ in range(20):
        try:
            book.reserve(Request("people", "race", PureLoss("0.05")))
            granted += 1
        except BudgetRefused:
            continue
    results.put(granted)


def test_processes_racing_for_the_limit_are_granted_exactly_the_limit(durable_url: str) -> None:
    ledger = Ledger.open(durable_url)
    make_account(ledger, epsilon=1)
    ledger.close()
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    workers = [context.Process(target=_race, args=(durable_url, results)) for _ in range(3)]
    for worker in workers:
        worker.start()
    granted = sum(results.get(timeout=120) for _ in workers)
    for worker in workers:
        worker.join()
    assert granted == 20
    reopened = Ledger.open(durable_url)
    assert reopened.account("people").spent().epsilon == 1.0
    assert reopened.verify().ok
    reopened.close()


def test_the_terms_of_an_account_survive_json() -> None:
    spec = AccountSpec(
        "a", unit=PERSON, relation=RELATION, epsilon="1/3", delta="1e-7", parts=("x",), closes="2030-01-01"
    )
    assert AccountSpec.from_json(spec.to_json()) == spec
