"""A whole study on one's own file: every release charged, nothing paid twice, a report at the end."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from privet.core.errors import BudgetRefused, ReleaseFailed, SpecError
from privet.core.events import to_json
from privet.ledger import Ledger
from privet.ledger.claims import State
from privet.study import run as running
from privet.study import work
from privet.study.price import bill
from privet.study.report.codec import decode_report, encode_report
from privet.study.report.model import StudyReport, Withheld
from privet.study.run import report_again, run_study
from privet.study.steps import CENTRAL, FEDERATED, OPENING, plan_study

from .small import POLICY, STUDY, people, without, write_small

pandas = pytest.importorskip("pandas")


STEPS = ("_protect", "_train_central", "_train_federated", "_evaluate", "_audit", "_laboratory")


def claims_of(folder: Path, *, opening: bool = False):
    """Claims of the book, by default without those of opening the data, which cost nothing."""
    ledger = Ledger.open(f"sqlite:///{folder / 'book.db'}", create=False)
    try:
        assert ledger.verify().ok
        claims = ledger.account("people").history()
        return [claim for claim in claims if opening or not claim.name.endswith(OPENING)]
    finally:
        ledger.close()


def spent_of(folder: Path):
    ledger = Ledger.open(f"sqlite:///{folder / 'book.db'}", create=False)
    try:
        return ledger.account("people").spent()
    finally:
        ledger.close()


def test_a_study_from_table_to_report(tmp_path: Path) -> None:
    outcome = run_study(plan_study(write_small(tmp_path)))
    page = outcome.path.read_text(encoding="utf-8")
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "<script" not in page
    report = outcome.report
    assert decode_report(json.loads(json.dumps(encode_report(report)))) == report
    assert [step.status for step in report.steps] == ["done"] * 6
    assert all(claim.state is State.COMMITTED for claim in claims_of(tmp_path))
    assert len(claims_of(tmp_path)) == 6
    assert len(report.budget.claims) == 6 + 1
    safe = pandas.read_csv(tmp_path / "safe.csv")
    assert safe.columns.tolist() == ["email", "age", "sex", "visits"]
    assert not safe["email"].str.contains("@").any()


def test_every_number_of_the_report_comes_from_the_book_or_the_record(tmp_path: Path) -> None:
    report = run_study(plan_study(write_small(tmp_path))).report
    spent = spent_of(tmp_path)
    assert report.budget.epsilon_spent == spent.epsilon
    assert report.budget.epsilon_spent <= report.budget.epsilon_limit == 4
    by_name = {claim.name.rpartition(": ")[2]: claim for claim in report.budget.claims}
    assert by_name["train centrally"].epsilon == pytest.approx(1, rel=1e-6)
    assert math.isinf(by_name["find identifiers, de-identify, measure the risk"].epsilon)
    assert not isinstance(report.comparison, Withheld)
    kinds = {model.kind: model for model in report.comparison.models}
    assert kinds["private-central"].charged
    assert kinds["baseline"].charged
    assert not kinds["non-private"].charged
    assert "outside the guarantee" in kinds["non-private"].label
    assert not isinstance(report.reidentification, Withheld)
    assert report.reidentification.before.rows == 600
    assert report.verdict.level == "caution"


def test_a_second_run_pays_nothing_and_a_report_opens_no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_small(tmp_path)
    first = run_study(plan_study(file))
    monkeypatch.setattr(work, "_load", lambda planned: pytest.fail("the data were opened"))
    second, third = run_study(plan_study(file)), report_again(file)
    assert len(claims_of(tmp_path)) == 6
    for later in (second.report, third.report):
        assert later.comparison == first.report.comparison
        assert later.attacks == first.report.attacks
        assert later.budget == first.report.budget


@pytest.mark.parametrize(
    "method", ["_protect", "_train_central", "_train_federated", "_evaluate", "_audit", "_laboratory"]
)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_stop_at_any_step_is_resumed_and_never_under_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, moment: str
) -> None:
    """Ctrl-C before a step's work, or after its release and before its record."""
    file = write_small(tmp_path)
    whole = getattr(running._Job, method)

    def stopped(job, step):
        if moment == "after":
            whole(job, step)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(running._Job, method, stopped)
        with pytest.raises(KeyboardInterrupt):
            run_study(plan_study(file))
    finished = {claim.name for claim in claims_of(tmp_path) if claim.state is State.COMMITTED}
    before = len(claims_of(tmp_path))
    outcome = run_study(plan_study(file))
    assert [step.status for step in outcome.report.steps] == ["done"] * 6
    claims = claims_of(tmp_path)
    # What was released before the stop is paid, once; its step is run again only if it had no record.
    assert len(claims) == 6 + (moment == "after")
    assert {claim.name for claim in claims} >= finished
    assert before < len(claims)
    assert all(claim.state is State.COMMITTED for claim in claims)
    assert outcome.report.budget.epsilon_spent <= 4


def test_a_step_that_is_stopped_within_its_work_is_forfeited_and_stays_spent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_small(tmp_path)

    def stop(*args, **kwargs):
        next(kwargs["steps"])
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(running, "descend", stop)
        with pytest.raises(KeyboardInterrupt):
            run_study(plan_study(file))
    states = [claim.state for claim in claims_of(tmp_path)]
    assert states == [State.COMMITTED, State.FORFEITED]
    spent = spent_of(tmp_path).epsilon
    assert spent > 0
    report = run_study(plan_study(file)).report
    assert [claim.state for claim in report.budget.claims].count("forfeited") == 1
    assert report.budget.epsilon_spent > spent


def test_failed_work_costs_and_says_so_without_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_small(tmp_path)

    def fail(models):
        def answers(data):
            raise RuntimeError(f"secret: {data.table.iloc[0].tolist()}")

        return answers

    with monkeypatch.context() as patched:
        patched.setattr(work, "right_answers", fail)
        with pytest.raises(ReleaseFailed) as caught:
            run_study(plan_study(file))
    assert "secret" not in str(caught.value)
    assert "@example.org" not in str(caught.value)
    assert claims_of(tmp_path)[-1].state is State.FORFEITED
    # The training before it is not paid again.
    run_study(plan_study(file))
    names = [claim.name for claim in claims_of(tmp_path)]
    assert names.count("small: train centrally") == 1
    assert names.count("small: accuracy of the released models") == 2


def test_a_record_line_cut_short_by_a_crash_is_run_and_paid_again(tmp_path: Path) -> None:
    file = write_small(tmp_path)
    run_study(plan_study(file))
    path = tmp_path / "small.run" / "record.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    report = run_study(plan_study(file)).report
    assert len(claims_of(tmp_path)) == 7
    assert [step.status for step in report.steps] == ["done"] * 6


def test_where_the_account_allows_no_unbounded_release_such_steps_are_left_out(tmp_path: Path) -> None:
    strict = STUDY.replace("allow_no_guarantee = true", "allow_no_guarantee = false").replace(
        "laboratory = true", "laboratory = false"
    )
    report = run_study(plan_study(write_small(tmp_path, study=strict))).report
    assert not (tmp_path / "safe.csv").exists()
    assert isinstance(report.reidentification, Withheld)
    assert "allow_no_guarantee" in report.reidentification.reason
    assert {step.status for step in report.steps} == {"done", "skipped"}
    assert all(math.isfinite(claim.epsilon) for claim in report.budget.claims)
    assert "everything that left has a guarantee" in report.verdict.sentence


def test_a_person_with_several_rows_is_protected_as_one(tmp_path: Path) -> None:
    """A unit column: rows beyond the bound are left out, and all rows of one person are on one side and at one site."""
    text = STUDY.replace('unit = "row"\nunit_name = "visit"', 'unit = "person"\nmax_rows_per_unit = 2')
    policy = POLICY + '[columns.person]\noperator = "pseudonymise"\n'
    planned = plan_study(write_small(tmp_path, study=text, policy=policy))
    data = work._load(planned)
    frame = data.table.assign(test=data.test, site=data.sites)
    assert (frame.groupby("person")[["test", "site"]].nunique() == 1).all().all()
    report = run_study(planned).report
    assert report.dataset.max_rows == 2
    assert "person" in report.dataset.unit


def test_rows_beyond_a_persons_bound_are_left_out(tmp_path: Path) -> None:
    table = people(60)
    table["person"] = ["busy"] * 20 + [f"k{i}" for i in range(40)]
    text = STUDY.replace('unit = "row"\nunit_name = "visit"', 'unit = "person"\nmax_rows_per_unit = 3')
    data = work._load(plan_study(write_small(tmp_path, study=text, table=table)))
    assert data.table["person"].value_counts().max() == 3
    assert len(data.rows) == 3 + 40
    # The first rows stay, whatever the other people hold.
    assert data.table["email"].head(3).tolist() == table["email"][:3]


def test_a_claim_that_a_killed_process_left_reserved_is_forfeited(tmp_path: Path) -> None:
    from privet.core.events import PureLoss
    from privet.ledger.book import Request

    planned = plan_study(write_small(tmp_path))
    ledger = running._open_ledger(planned)
    study = running._record(planned).study
    ledger.book.reserve(Request("people", "killed", PureLoss("0.1"), study=study))
    ledger.book.reserve(Request("people", "somebody else's", PureLoss("0.1"), study="another study"))
    ledger.close()
    run_study(planned)
    states = {claim.name: claim.state for claim in claims_of(tmp_path)}
    assert states["killed"] is State.FORFEITED
    assert states["somebody else's"] is State.RESERVED


def test_accuracies_and_attacks_of_the_report_are_the_counts_that_were_released(tmp_path: Path) -> None:
    planned = plan_study(write_small(tmp_path))
    report = run_study(planned).report
    with running._record(planned).open() as record:
        counts = record.finished("evaluate").result["counts"]
    assert not isinstance(report.comparison, Withheld)
    shown = {model.kind: model.accuracy.value for model in report.comparison.models}
    for kind, name in (("private-central", CENTRAL), ("private-federated", FEDERATED)):
        assert shown[kind] == pytest.approx(min(1, max(0, counts[name] / counts["rows"])))
    assert not isinstance(report.attacks, Withheld)
    assert len(report.attacks) == 2 + 3
    for view in report.attacks:
        assert view.epsilon_at_least <= view.ceiling
        assert view.covered == (view.target != "model without protection")


def test_parquet_and_csv_give_the_same_rows(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    file = write_small(tmp_path)
    table = pandas.read_csv(tmp_path / "people.csv")
    table.to_parquet(tmp_path / "people.parquet")
    other = tmp_path / "other.toml"
    other.write_text(STUDY.replace("people.csv", "people.parquet"), encoding="utf-8")
    csv, parquet = work._load(plan_study(file)), work._load(plan_study(other))
    assert (csv.rows.features == parquet.rows.features).all()
    assert (csv.rows.labels == parquet.rows.labels).all()


def test_adding_a_person_moves_nobody_else(tmp_path: Path) -> None:
    table = people(300)
    more = {name: [*list(values), extra] for (name, values), extra in zip(
        table.items(), ["new@example.org", "new", 50, "f", 7], strict=True)}  # fmt: skip
    loaded = [
        work._load(plan_study(write_small(tmp_path / name, table=made)))
        for name, made in (("before", table), ("after", more))
    ]
    assert (loaded[0].test == loaded[1].test[:-1]).all()
    assert (loaded[0].sites == loaded[1].sites[:-1]).all()


@pytest.mark.parametrize("section", ["protect", "federated", "evaluate", "audit"])
def test_sections_that_are_left_out_are_not_run_and_the_report_says_so(tmp_path: Path, section: str) -> None:
    report = run_study(plan_study(write_small(tmp_path, study=without(section)))).report
    assert len(report.steps) == 6 - (2 if section == "audit" else 1)
    part = {"protect": "reidentification", "federated": "federated", "audit": "attacks"}.get(section)
    if part:
        assert isinstance(getattr(report, part), Withheld)


def test_training_across_sites_alone(tmp_path: Path) -> None:
    text = STUDY.replace("steps = 10", 'mode = "federated"')
    planned = plan_study(write_small(tmp_path, study=text))
    assert planned.models() == (FEDERATED,)
    report = run_study(planned).report
    assert CENTRAL not in [step.name for step in planned.steps]
    assert not isinstance(report.federated, Withheld)


class TestRefusals:
    """Nothing is opened, nothing is written."""

    def refused(self, file: Path, kind: type[Exception], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
        before = sorted(path.name for path in file.parent.iterdir())
        monkeypatch.setattr(work, "_load", lambda planned: pytest.fail("the data were opened"))
        with pytest.raises(kind, match=words):
            run_study(plan_study(file))
        left = sorted(path.name for path in file.parent.iterdir())
        assert left == before

    def test_a_bill_that_does_not_fit(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = write_small(tmp_path, study=STUDY.replace("epsilon = 4.0", "epsilon = 1.2"))
        assert not bill(plan_study(file)).fits
        self.refused(file, BudgetRefused, "does not fit", monkeypatch)

    def test_a_part_larger_than_the_whole(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = write_small(tmp_path, study=STUDY.replace("epsilon = 4.0", "epsilon = 0.7"))
        self.refused(file, SpecError, r"\[train\] epsilon 1 is more than the whole", monkeypatch)

    def test_an_account_with_other_terms(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = write_small(tmp_path)
        run_study(plan_study(file))
        other = tmp_path / "other.toml"
        other.write_text(
            STUDY.replace('"small"', '"other"').replace("epsilon = 4.0", "epsilon = 40.0"), encoding="utf-8"
        )
        self.refused(other, SpecError, "another epsilon", monkeypatch)

    def test_a_study_that_changed_after_it_was_begun(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = write_small(tmp_path)
        run_study(plan_study(file))
        file.write_text(STUDY + "\n# changed\n", encoding="utf-8")
        self.refused(file, SpecError, "has changed", monkeypatch)

    def test_a_study_that_another_process_runs(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = write_small(tmp_path)
        planned = plan_study(file)
        with running._record(planned).open():
            self.refused(file, SpecError, "another process", monkeypatch)

    def test_a_report_of_a_study_that_was_not_run(self, tmp_path: Path) -> None:
        with pytest.raises(SpecError, match="has not been run"):
            report_again(write_small(tmp_path))
        assert sorted(path.name for path in tmp_path.iterdir()) == ["people.csv", "policy.toml", "study.toml"]

    def test_two_studies_share_one_account(self, tmp_path: Path) -> None:
        run_study(plan_study(write_small(tmp_path)))
        second = tmp_path / "second.toml"
        second.write_text(STUDY.replace('"small"', '"second"').replace('table = "safe.csv"\n', ""), encoding="utf-8")
        with pytest.raises(BudgetRefused, match="does not fit"):
            run_study(plan_study(second))
        cheap = tmp_path / "cheap.toml"
        text = without("federated", without("protect", STUDY.replace('"small"', '"cheap"')))
        cheap.write_text(text.replace("epsilon = 1.0", "epsilon = 0.3").replace("0.5", "0.1"), encoding="utf-8")
        report: StudyReport = run_study(plan_study(cheap)).report
        assert [claim.this_study for claim in report.budget.claims] == [False] * 7 + [True] * 5


def test_a_file_that_cannot_be_read_costs_nothing(tmp_path: Path) -> None:
    file = write_small(tmp_path)
    with (tmp_path / "people.csv").open("a", encoding="utf-8") as rows:
        rows.write('"open quote, secret\n')
    with pytest.raises(SpecError, match="is broken") as caught:
        run_study(plan_study(file))
    assert "secret" not in str(caught.value)
    assert claims_of(tmp_path) == []
    (opened,) = claims_of(tmp_path, opening=True)
    assert opened.state is State.FORFEITED
    assert spent_of(tmp_path).epsilon == 0


@pytest.mark.parametrize("column", ["age", "visits"])
def test_a_column_that_holds_no_number_is_found_before_anything_is_paid(tmp_path: Path, column: str) -> None:
    table = people(50)
    table[column] = ["secret"] * 50
    file = write_small(tmp_path, table=table)
    with pytest.raises(SpecError, match=rf"\[data.schema.{column}\] .*no cell of it is one") as caught:
        run_study(plan_study(file))
    assert "secret" not in str(caught.value)
    assert claims_of(tmp_path) == []


def test_categories_that_no_cell_has_are_found_before_anything_is_paid(tmp_path: Path) -> None:
    file = write_small(tmp_path, study=STUDY.replace('values = ["f", "m"]', 'values = ["female", "male"]'))
    with pytest.raises(SpecError, match=r"\[data.schema.sex\] names values, but no cell"):
        run_study(plan_study(file))
    assert claims_of(tmp_path) == []


def test_a_network_is_trained_attacked_and_told_of(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch is an extra of Privet")
    text = without("federated").replace("steps = 10", 'steps = 30\nmodel = "network"\nhidden = [8, 4]')
    # So many that neither noise of training nor of counting decides.
    text = text.replace("expected_units = 600", "expected_units = 9000")
    outcome = run_study(plan_study(write_small(tmp_path, study=text, table=people(9000))))
    models = {view.kind: view for view in outcome.report.comparison.models}
    assert models["private-central"].accuracy.value > 0.6
    assert models["non-private"].accuracy.value > 0.7
    assert "network with 8 and 4 units" in outcome.path.read_text(encoding="utf-8")
    assert all(claim.state is State.COMMITTED for claim in claims_of(tmp_path))
    plan = plan_study(tmp_path / "study.toml")
    trained = next(claim for claim in claims_of(tmp_path) if claim.name == plan.central.name)
    assert trained.event == to_json(plan.central.event_after(30))


def test_the_report_tells_the_role_of_each_column_and_the_risk_before_and_after(tmp_path: Path) -> None:
    policy = POLICY + (
        '[[together]]\noperator = "suppress_rare"\ncolumns = ["age", "sex", "town"]\nblank = ["town"]\nk = 3\n'
    )
    told = 'quasi_identifiers = ["age", "sex", "town"]\nsensitive = "visits"\npopulation = 100000'
    text = STUDY.replace('quasi_identifiers = ["age", "sex"]', told)
    table = {**people(), "town": [f"t{row % 7}" for row in range(600)], "religion": ["a", "b"] * 300}
    outcome = run_study(plan_study(write_small(tmp_path, study=text, policy=policy, table=table)))
    columns = {column.column: column for column in outcome.report.identifiers}
    assert (columns["email"].role, columns["religion"].role) == ("identifier", "sensitive")
    assert "blanked in town" in columns["town"].action
    assert "blanked" not in columns["age"].action
    view = outcome.report.reidentification
    figures = {name: (before, after) for name, before, after in view.more()}
    before, after = figures["Rows in groups below 5"]
    assert before.value > after.value
    assert {"Different values of visits in a group, at least (l)"} < set(figures)
    assert any("unique in the population" in name for name in figures)
    assert figures["Cells of these columns that are blank or gone"][0] is None
    assert not view.not_counted
    page = outcome.path.read_text(encoding="utf-8")
    assert "special uniques" in page
    assert decode_report(encode_report(outcome.report)) == outcome.report


def test_a_column_that_others_may_know_and_nobody_counted_is_told_of(tmp_path: Path) -> None:
    table = {**people(), "postcode": [f"{10000 + row % 90}" for row in range(600)]}
    outcome = run_study(plan_study(write_small(tmp_path, table=table)))
    assert outcome.report.reidentification.not_counted == ("postcode",)
    assert "Not counted" in outcome.path.read_text(encoding="utf-8")


def test_a_network_without_pytorch_is_refused_before_anything_is_paid(tmp_path: Path, monkeypatch) -> None:
    text = without("federated").replace("steps = 10", 'steps = 10\nmodel = "network"')
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SpecError, match=r"needs PyTorch.*privet\[torch\]"):
        plan_study(write_small(tmp_path, study=text))
