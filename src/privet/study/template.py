"""A study file to fill in, with a comment for every choice."""

from __future__ import annotations

from pathlib import Path

from privet.core.errors import InvalidParameter
from privet.study.tables import column_names

_HEAD = """\
# A Privet study: one file from table to report. Lines that begin with # are explanations.
# `privet study check` looks for mistakes, `privet study price` prints the bill; neither opens a row of your data.

[study]
name = "my-study"                 # also the name of the folder that keeps the record of the run

[data]
source = {source}
unit = "row"                      # who is protected: "row", or the column that tells people apart
# unit_name = "patient"           # what to call one unit in the report
# max_rows_per_unit = 5           # needed with a unit column: more rows of one unit are left out
expected_units = 10000            # about how many units there are: a public figure, not a count of the file

# Public facts about each column that is used: stated by you, never read from the data. Take the others out.
{columns}
[budget]
ledger = "sqlite:///privet.db"    # or postgresql+psycopg://user@host/name for a team
account = "my-data"
epsilon = 3.0                     # everything that will ever leave these data
delta = 1e-6                      # well below one in the number of units
# allow_no_guarantee = true       # only for public data: lets laboratory figures and tables pass, marked in red

# [protect]                       # how columns that identify people are treated, in a policy file
# policy = "policy.toml"
# quasi_identifiers = ["birth_date", "postcode", "sex"]

[train]
target = {target}
positive_above = 0                # a public threshold, never a statistic of the data
epsilon = 1.0
# model = "network"               # layers with tanh between them; needs the extra "torch"
# hidden = [32]

# [federated]                     # the same model over several sites that never pool their rows
# sites = 4
# rounds = 10
# epsilon = 1.0

[evaluate]
epsilon = 0.2                     # accuracy on held-out rows is a release too

# [audit]                         # attack the released models; the attack's success is a release too
# epsilon = 0.2

[report]
path = "report.html"
"""


def write_template(file: Path, *, source: Path | None) -> None:
    """Write a template, with the columns of ``source`` if one is given. Reads no row.

    Errors: InvalidParameter if the file exists; SpecError if the source cannot be read.
    """
    names = column_names(source) if source is not None else ("age", "sex", "ill")
    text = _HEAD.format(
        source=_quoted(str(source) if source is not None else "data.csv"),
        columns="\n".join(_column(name) for name in names),
        target=_quoted(names[-1]),
    )
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError:
        raise InvalidParameter(f"{file} exists already; give another name, or remove it first") from None
    except OSError as error:
        raise InvalidParameter(f"{file} cannot be written ({error.strerror}); give another place") from None


def _column(name: str) -> str:
    choices = '# "number" with bounds = [0, 100], "category" with values = ["a", "b"], or "flag" for 0 and 1'
    return f'[data.schema.{_quoted(name)}]\nkind = "?"                        {choices}\n'


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
