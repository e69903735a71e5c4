"""``privet risk``: which combinations of columns single people out, before and after a treatment. For the data's
owner."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from privet.cli.display import Json, emit_json, table
from privet.core.durable import write_whole
from privet.core.errors import InvalidParameter

if TYPE_CHECKING:
    from privet.deidentify.detect import ColumnFinding

_BAR = 30


def risk(
    source: Annotated[Path, typer.Argument(help="A CSV or Parquet file, one row a person.")],
    quasi: Annotated[
        list[str] | None,
        typer.Option("--quasi", help="A column that others may know; repeat. Left out: all but direct identifiers."),
    ] = None,
    sensitive: Annotated[str | None, typer.Option(help="A secret column: adds l-diversity and t-closeness.")] = None,
    population: Annotated[int | None, typer.Option(help="People in the population the rows were sampled from.")] = None,
    up_to: Annotated[int, typer.Option("--up-to", help="Columns in a combination, at most.")] = 4,
    after: Annotated[Path | None, typer.Option(help="The treated file, to compare with.")] = None,
    suggest: Annotated[Path | None, typer.Option(help="Write a draft policy to this new file.")] = None,
    as_json: Json = False,
) -> None:
    """Which columns single people out together. What this prints is read from the data and has no guarantee."""
    from privet.deidentify.detect import find_in_table

    if suggest is not None and suggest.exists():
        raise InvalidParameter(f"{suggest} is already there; name a new file for the draft")
    frame = _read(source)
    findings = find_in_table(frame)
    columns = _columns(frame, source, quasi, sensitive, findings)
    found = {"before": _measured(frame, columns, sensitive=sensitive, population=population, up_to=up_to)}
    if after is not None:
        treated = _read(after)
    elif suggest is not None:
        treated = _drafted(frame, source, suggest, findings, keep=sensitive)
    if after is not None or suggest is not None:
        left = [name for name in columns if name in treated.columns]
        found["after"] = _measured(treated, left, sensitive=sensitive, population=population, up_to=up_to)
    direct = [item.column for item in findings if item.direct]
    if as_json:
        emit_json({"direct_identifiers": direct, **found})
        return
    _show(source, found, direct)
    if suggest is not None:
        typer.echo(f"\nwrote {suggest}, a draft: read it, then: privet deidentify {source} --policy {suggest} -o OUT")


def _read(path: Path) -> Any:
    from privet.study.tables import column_names, read_table

    column_names(path)
    return read_table(path)


def _columns(
    frame: Any, source: Path, quasi: list[str] | None, sensitive: str | None, findings: tuple[ColumnFinding, ...]
) -> list[str]:
    missing = [name for name in [*(quasi or []), *([sensitive] if sensitive else [])] if name not in frame.columns]
    if missing:
        raise InvalidParameter(f"{source.name} has no column {missing[0]!r}; it has: {', '.join(frame.columns)}")
    direct = {item.column for item in findings if item.direct}
    chosen = quasi or [name for name in frame.columns if name not in direct and name != sensitive]
    if not chosen:
        raise InvalidParameter(f"every column of {source.name} is an identifier by itself; drop or replace them first")
    return list(dict.fromkeys(chosen))


def _measured(
    frame: Any, columns: list[str], *, sensitive: str | None, population: int | None, up_to: int
) -> dict[str, Any]:
    from privet.deidentify.anonymity import anonymity_of
    from privet.deidentify.attackers import attacker_risks
    from privet.deidentify.codes import encode
    from privet.deidentify.discovery import discover
    from privet.deidentify.models.k_anonymity import class_sizes
    from privet.deidentify.uniqueness import population_uniqueness

    if not columns or not len(frame):
        return {"rows": len(frame), "columns": columns}
    secret = sensitive if sensitive is not None and sensitive in frame.columns else None
    coded = encode(frame, columns=[*columns, *([secret] if secret else [])])
    sizes = class_sizes(coded, quasi_identifiers=columns)
    made = {
        "rows": coded.rows,
        "columns": columns,
        "alone": float((sizes == 1).sum() / coded.rows),
        "anonymity": anonymity_of(coded, quasi_identifiers=columns, sensitive=secret).to_json(),
        "attackers": attacker_risks(coded, quasi_identifiers=columns).to_json(),
        "discovery": discover(coded, columns=columns, largest=up_to).to_json(),
    }
    if population is not None:
        made["population"] = population_uniqueness(sizes, population=population).to_json()
    return made


def _drafted(frame: Any, source: Path, path: Path, findings: tuple[ColumnFinding, ...], *, keep: str | None) -> Any:
    """Write the draft, and make the table that it would give, for its figures only: a key of zeros will do for them."""
    from privet.deidentify.policy import load_policy
    from privet.deidentify.suggestion import policy_toml, suggest
    from privet.deidentify.transform import apply_policy

    suggested = tuple(item for item in suggest(frame, findings=findings) if item.column != keep)
    write_whole(path, policy_toml(suggested, title=source.name))
    return apply_policy(frame, policy=load_policy(path), key=bytes(32))


def _show(source: Path, found: dict[str, dict[str, Any]], direct: list[str]) -> None:
    if direct:
        typer.echo(f"By themselves identify: {in_words(direct)}. Drop or replace them.")
    for when, figures in found.items():
        title = f"{source.name}: {figures['rows']:,} people" if when == "before" else "After the treatment"
        typer.echo(f"\n{title}")
        if "discovery" not in figures:
            typer.echo("  nothing is left that others may know")
            continue
        for item in figures["discovery"]["combinations"]:
            typer.echo(f"  {bar(item['unique_share'])}  {sentence(item['columns'], item['unique_share'])}")
        if not figures["discovery"]["complete"]:
            typer.echo("  (there may be worse ones: the limit of exact counts was reached)")
        _show_figures(figures)


def _show_figures(figures: dict[str, Any]) -> None:
    anonymity, attackers = figures["anonymity"], figures["attackers"]
    many = len(figures["columns"])
    rows = [
        (f"alone in all {many} columns together", f"{figures['alone']:.1%}"),
        ("smallest group (k)", anonymity["k"]),
        ("right guess about one known to be there, on average", f"{attackers['prosecutor_mean']:.1%}"),
        ("in groups below 5", f"{attackers['prosecutor_at_risk']:.1%}"),
    ]
    if anonymity["t"] is not None:
        rows += [("different sensitive values in a group, at least (l)", anonymity["distinct_l"]),
                 ("distance of a group from the table, at most (t)", f"{anonymity['t']:.3f}")]  # fmt: skip
    if "population" in figures:
        rows.append(("alone in the population, estimated", f"{figures['population']['population']:.1%}"))
    table("", columns=["what", "value"], rows=rows)


def sentence(columns: list[str] | tuple[str, ...], share: float) -> str:
    """What a combination does, in words.

    >>> sentence(["birth_date", "sex", "postcode"], 0.634)
    'birth date, sex and postcode single out 63 % of the people'
    """
    verb = "singles" if len(columns) == 1 else "single"
    part = f"{share:.0%}".replace("%", " %") if share >= 0.01 else "fewer than 1 %"
    return f"{in_words(columns)} {verb} out {part} of the people"


def in_words(columns: list[str] | tuple[str, ...]) -> str:
    """Names joined as in a sentence."""
    names = [name.replace("_", " ") for name in columns]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def bar(share: float) -> str:
    """A share, drawn."""
    filled = round(share * _BAR)
    return "█" * filled + "·" * (_BAR - filled)
