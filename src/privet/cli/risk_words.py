"""The figures of ``privet risk`` in words, for a terminal and for a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from privet.cli.display import table

_BAR = 30
TITLES = {"before": "Before", "after": "After the treatment"}


def show(name: str, body: dict[str, Any]) -> None:
    """Print what was found, before and after."""
    from privet.deidentify.roles import SAYS_NOTHING

    if body["direct_identifiers"]:
        typer.echo(f"By themselves identify: {in_words(body['direct_identifiers'])}. Drop or replace them.")
    aside = [item for item in body["set_aside"] if item["role"] != "identifier"]
    if aside:
        typer.echo("Not counted as known to others; if one is, name all that are with --quasi:")
    # Of most plain columns nothing is to be said; they are named together.
    silent = [item["column"] for item in aside if item["why"].startswith(SAYS_NOTHING)]
    for item in aside:
        if item["column"] not in silent:
            typer.echo(f"  {item['column']}: {item['role']}, {item['why']}")
    if silent:
        typer.echo(f"  {in_words(silent)}: plain, {SAYS_NOTHING}")
    for when in TITLES:
        if when not in body:
            continue
        figures = body[when]
        typer.echo(f"\n{name}: {figures['rows']:,} people" if when == "before" else f"\n{TITLES[when]}")
        if "discovery" not in figures:
            typer.echo("  nothing is left that others may know")
            continue
        for item in figures["discovery"]["combinations"]:
            typer.echo(f"  {bar(item['unique_share'])}  {sentence(item['columns'], item['unique_share'])}")
        if not figures["discovery"]["combinations"]:
            typer.echo("  no combination singles anybody out")
        if not figures["discovery"]["complete"]:
            typer.echo("  (there may be worse ones: the limit of exact counts was reached)")
        table("", columns=["what", "value"], rows=facts(figures))


def show_before_and_after(risk: dict[str, Any]) -> None:
    """Print what a treated file still gives away: the report that it leaves with."""
    if not risk["columns"]:
        typer.echo(
            "no risk report: no column was found that others may know; name them in the policy:\n"
            '  [risk]  quasi_identifiers = ["NAME", ...]'
        )
        return
    before, after, kept = risk["before"], risk["after"], risk["kept"]
    typer.echo(f"risk by {in_words(risk['columns'])}, before -> after:")
    typer.echo(f"  smallest group (k) {before['k']} -> {after['k']}, "
               f"alone {percent(before['unique_share'])} -> {percent(after['unique_share'])}; "
               f"blank or gone {percent(kept['blank'])} of the cells")  # fmt: skip
    for when, side in (("before", before), ("after", after)):
        told = [sentence(item["columns"], item["unique_share"]) for item in side["worst"]]
        for line in told or ["no combination singles anybody out"]:
            typer.echo(f"  {when}: {line}")


def facts(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """The figures of one table, each with what it means."""
    anonymity, attackers, many = figures["anonymity"], figures["attackers"], len(figures["columns"])
    rows = [
        (f"alone in all {many} columns together", percent(figures["alone"])),
        ("smallest group (k)", str(anonymity["k"])),
        ("right guess about one known to be there, on average", percent(attackers["prosecutor_mean"])),
        ("in groups below 5", percent(attackers["prosecutor_at_risk"])),
    ]
    if anonymity["t"] is not None:
        rows += [("different sensitive values in a group, at least (l)", str(anonymity["distinct_l"])),
                 ("distance of a group from the table, at most (t)", f"{anonymity['t']:.3f}")]  # fmt: skip
    if "population" in figures:
        rows.append(("alone in the population, estimated", percent(figures["population"]["population"])))
    if "kept" in figures:
        rows += [("cells of the columns above that are blank or gone", percent(figures["kept"]["blank"])),
                 ("information that they keep (entropy, mean)", percent(figures["kept"]["information"]))]  # fmt: skip
    return rows + _special(figures.get("special_uniques")) + _attack(figures.get("attack"))


def _special(found: dict[str, Any] | None) -> list[tuple[str, str]]:
    """Minimal sample uniques: who stands out by few columns, and by which."""
    if found is None:
        return []
    rows = [(f"stand out by {found['largest']} columns or fewer (special uniques)",
             f"{found['rows']:,}, {percent(found['share'])}")]  # fmt: skip
    if found["sets"]:
        worst = found["sets"][0]
        rows.append(("most often by just", f"{in_words(worst['columns'])} ({worst['rows']:,})"))
    if "right_match_max" in found:
        rows.append(("right match of a special unique, estimated (DIS-SUDA), mean and most",
                     f"{percent(found['right_match_mean'])}, {percent(found['right_match_max'])}"))  # fmt: skip
    return rows


def _attack(found: dict[str, Any] | None) -> list[tuple[str, str]]:
    """How many people a register finds again."""
    if found is None:
        return []
    rows = [(f"found in the register by {in_words(found['on'])}",
             f"{found['claims']:,}, {percent(found['claims'] / max(1, found['released_rows']))}")]  # fmt: skip
    if found["right"] is not None:
        rows.append(("of these rightly", f"{found['right']:,}"))
    return rows


def percent(share: float) -> str:
    """A share of people; none and few are told apart.

    >>> percent(0.634), percent(0.0), percent(0.00001)
    ('63.4%', '0.0%', 'below 0.1%')
    """
    return "below 0.1%" if 0 < share < 0.0005 else f"{share:.1%}"


def sentence(columns: Sequence[str], share: float) -> str:
    """What a combination does, in words.

    >>> sentence(["birth_date", "sex", "postcode"], 0.634)
    'birth date, sex and postcode single out 63 % of the people'
    """
    verb = "singles" if len(columns) == 1 else "single"
    part = f"{share:.0%}".replace("%", " %") if share >= 0.01 else "fewer than 1 %"
    return f"{in_words(columns)} {verb} out {part} of the people"


def in_words(columns: Sequence[str]) -> str:
    """Names joined as in a sentence.

    >>> in_words(["birth_date", "sex"])
    'birth date and sex'
    """
    names = [name.replace("_", " ") for name in columns]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def bar(share: float) -> str:
    """A share, drawn."""
    filled = round(share * _BAR)
    return "█" * filled + "·" * (_BAR - filled)
