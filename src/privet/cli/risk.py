"""``privet risk``: which combinations of columns single people out, before and after a treatment. For the data's
owner."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from privet.cli.display import Json, emit_json
from privet.cli.opening import Engine, Measurable, measurable
from privet.core.durable import write_whole
from privet.core.errors import InvalidParameter

if TYPE_CHECKING:
    from privet.deidentify.codes import Coded
    from privet.deidentify.detect import ColumnFinding


def risk(
    source: Annotated[Path, typer.Argument(help="A CSV or Parquet file of any size, one row a person.")],
    quasi: Annotated[
        list[str] | None,
        typer.Option("--quasi", help="A column that others may know; repeat. Left out: those found to be such."),
    ] = None,
    sensitive: Annotated[str | None, typer.Option(help="A secret column: adds l-diversity and t-closeness.")] = None,
    population: Annotated[int | None, typer.Option(help="People in the population the rows were sampled from.")] = None,
    up_to: Annotated[int, typer.Option("--up-to", help="Columns in a combination, at most.")] = 4,
    uniques: Annotated[
        int | None, typer.Option(help="Columns in a minimal sample unique, at most; 0: none. Left out: 3 if quick.")
    ] = None,
    after: Annotated[Path | None, typer.Option(help="The treated file, to compare with.")] = None,
    suggest: Annotated[Path | None, typer.Option(help="Write a draft policy to this new file.")] = None,
    against: Annotated[
        Path | None, typer.Option(help="A register of people, CSV or Parquet: how many rows are found again by it?")
    ] = None,
    truth: Annotated[
        str | None, typer.Option(help="A column of both files that says who is who; it only keeps the score.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Draw it on this page, one file that asks no network.")] = None,
    engine: Engine = "auto",
    as_json: Json = False,
) -> None:
    """Which columns single people out together. What this prints is read from the data and has no guarantee.

    Example: privet risk people.csv --suggest policy.toml --html risk.html
    """
    from privet.deidentify.detect import find_in_table
    from privet.deidentify.measure import kept

    if suggest is not None and suggest.exists():
        raise InvalidParameter(f"{suggest} is already there; name a new file for the draft")
    asked = _Asked(sensitive=sensitive, population=population, up_to=up_to, uniques=uniques, truth=truth)
    with contextlib.ExitStack() as files:
        given = files.enter_context(measurable(source, engine=engine))
        findings = find_in_table(given.sample)
        columns = _columns(given.sample, source, quasi, sensitive, findings)
        register = files.enter_context(measurable(against, engine=engine)) if against is not None else None
        found = {"before": asked.figures(given, columns, register, None)}
        treated, policy = None, None
        if after is not None:
            treated = files.enter_context(measurable(after, engine=engine))
        elif suggest is not None:
            policy = _draft(asked.coded(given, columns), source, suggest, columns, findings, keep=sensitive)
            treated = files.enter_context(_treated(given, source, policy, engine))
        if treated is not None:
            left = [name for name in columns if name in treated.sample.columns]
            found["after"] = asked.figures(treated, left, register, policy)
            new = asked.coded(treated, left)
            found["after"]["same_combinations"] = again(found["before"], new)
            found["after"]["kept"] = kept(asked.coded(given, columns), new, columns=columns)
    aside = [item for item in findings if item.column not in columns]
    body = {
        "direct_identifiers": [item.column for item in findings if item.direct],
        "set_aside": [{"column": item.column, "role": item.role, "why": item.why} for item in aside],
        **found,
    }
    if html is not None:
        from privet.cli.risk_page import page

        write_whole(html, page(body, title=source.name))
    if as_json:
        emit_json(body)
        return
    _tell(source, body, suggest, html)


class _Asked:
    """What is asked of each table: the same before and after."""

    def __init__(
        self, *, sensitive: str | None, population: int | None, up_to: int, uniques: int | None, truth: str | None
    ) -> None:
        self._sensitive, self._population, self._truth = sensitive, population, truth
        self._up_to, self._uniques = up_to, uniques
        self._coded: dict[int, Coded] = {}

    def coded(self, given: Measurable, columns: list[str]) -> Coded:
        """The columns that are asked about, coded once for each table; a large file is read once for it."""
        from privet.deidentify.codes import Coded, encode

        if id(given) not in self._coded:
            secret = [self._sensitive] if self._sensitive in given.sample.columns and self._sensitive else []
            wanted = [*columns, *secret]
            self._coded[id(given)] = encode(given.table, columns=wanted) if wanted else Coded(len(given.sample), {})
        return self._coded[id(given)]

    def figures(
        self, given: Measurable, columns: list[str], register: Measurable | None, policy: Any
    ) -> dict[str, Any]:
        from privet.deidentify.measure import measured

        if not columns or not len(given.sample):
            return {"rows": len(given.sample), "columns": columns}
        secret = self._sensitive if self._sensitive in given.sample.columns else None
        found = measured(
            self.coded(given, columns), columns=columns, sensitive=secret, population=self._population,
            largest=self._up_to, uniques=self._uniques,
        )  # fmt: skip
        if register is not None:
            found["attack"] = self._attack(given, columns, register, policy)
        return found

    def _attack(self, given: Measurable, columns: list[str], register: Measurable, policy: Any) -> dict[str, Any]:
        from privet.deidentify.linkage import link

        on = [name for name in columns if name in register.sample.columns and name != self._truth]
        if not on:
            raise InvalidParameter("the register has none of the columns that others may know; nothing can be matched")
        truth = self._truth if self._truth in given.sample.columns else None
        if truth is not None and truth not in register.sample.columns:
            raise InvalidParameter(f"the register has no column {truth!r}; name one that both files have")
        known = register.table if policy is None else _as_treated(register, on, truth, policy)
        return {"on": on, **link(known, given.table, on=on, truth=truth).to_json()}


def again(before: dict[str, Any], after: Coded) -> list[dict[str, Any]]:
    """What the combinations that were worst before still give away; a column that is gone gives nothing."""
    from privet.deidentify.measure import unique_share

    worst = before["discovery"]["combinations"] if "discovery" in before else []
    left = [[name for name in item["columns"] if name in after.columns] for item in worst]
    return [{"columns": list(item["columns"]), "unique_share": unique_share(after, columns=names)}
            for item, names in zip(worst, left, strict=True)]  # fmt: skip


def _columns(
    frame: Any, source: Path, quasi: list[str] | None, sensitive: str | None, findings: tuple[ColumnFinding, ...]
) -> list[str]:
    missing = [name for name in [*(quasi or []), *([sensitive] if sensitive else [])] if name not in frame.columns]
    if missing:
        raise InvalidParameter(f"{source.name} has no column {missing[0]!r}; it has: {', '.join(frame.columns)}")
    roles = [item for item in findings if item.column != sensitive]
    chosen = quasi or [item.column for item in roles if item.role == "quasi-identifier"]
    # Where no name and no value says what others may know, all that does not identify by itself is counted.
    chosen = chosen or [item.column for item in roles if not item.direct]
    if not chosen:
        raise InvalidParameter(f"every column of {source.name} is an identifier by itself; drop or replace them first")
    return list(dict.fromkeys(chosen))


def _draft(
    coded: Coded, source: Path, path: Path, columns: list[str], findings: tuple[ColumnFinding, ...],
    *, keep: str | None,
) -> Any:  # fmt: skip
    """Write a draft policy; the policy it is."""
    from privet.deidentify.policy import load_policy
    from privet.deidentify.suggestion import policy_toml, suggest

    others = tuple(item for item in findings if item.column != keep)
    write_whole(path, policy_toml(suggest(coded, findings=others, quasi_identifiers=columns), title=source.name))
    return load_policy(path)


@contextlib.contextmanager
def _treated(given: Measurable, source: Path, policy: Any, engine: str) -> Iterator[Measurable]:
    """The table that a policy would give, for its figures only: a key of zeros will do for them."""
    from privet.deidentify.stream import deidentify_file
    from privet.deidentify.transform import apply_policy

    if given.frame is not None:
        frame = apply_policy(given.frame, policy=policy, key=bytes(32))
        yield Measurable(frame, frame, frame)
        return
    with tempfile.TemporaryDirectory(prefix="privet-") as folder:
        path = Path(folder) / "treated.parquet"
        with path.open("wb") as sink:
            deidentify_file(source, sink, name=path.name, policy=policy, key=bytes(32))
        with measurable(path, engine=engine) as opened:
            yield opened


def _as_treated(register: Measurable, on: list[str], truth: str | None, policy: Any) -> Any:
    """The register generalised as the table is: an attacker who sees the table can do so."""
    import dataclasses

    from privet.deidentify.transform import apply_alone

    if register.frame is None:
        raise InvalidParameter("a register of this size cannot be generalised; write it by the policy and use --after")
    columns = {name: operator for name, operator in policy.columns.items() if name in on and name != truth}
    alone = dataclasses.replace(policy, columns=columns, others="keep", together=(), domains={})
    return apply_alone(register.frame[[*on, *([truth] if truth is not None else [])]], policy=alone, key=bytes(32))


def _tell(source: Path, body: dict[str, Any], suggest: Path | None, html: Path | None) -> None:
    from privet.cli.risk_words import show

    show(source.name, body)
    if html is not None:
        typer.echo(f"\ndrew {html}")
    if suggest is not None:
        safe = f"safe-{source.name}"
        typer.echo(
            f"\nwrote {suggest}, a draft: read it, then\n"
            f"  privet deidentify {source} --policy {suggest} -o {safe}\n"
            f"  privet vault encrypt {safe} --passphrase -o {safe}.privet"
        )
