"""Ages of people, beside words that say so."""

from privet.deidentify.recogniser import Recogniser

_AGE = "(?:1[01][0-9]|[1-9][0-9])"

RECOGNISER = Recogniser(
    name="age",
    label="age",
    pattern=rf"(?<![.\-/]){_AGE}(?![A-Za-z0-9]|[\-./:,][0-9])",
    source="45 CFR 164.514(b)(2)(i)(C), ages over 89; ages in years",
    score=0.5,
    begins="0{2,3}(?![0Aa]|[-./:,]0)|0{1,3} ?[a?]",
    hints=("age", "aged", "year_old", "years_old", "歲", "岁"),
    validate=lambda text: int(text) < 120,
    needs_context=True,
    alone=rf"(?<![.\-/])(?:{_AGE}|[1-9])(?= ?(?:years?[ \-]old|y/o|歲|岁))",
    direct=False,
)
