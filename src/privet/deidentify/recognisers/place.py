"""Places: countries, states and large cities, by a list."""

from privet.deidentify.lists import entries
from privet.deidentify.recogniser import Recogniser
from privet.deidentify.words import ENDS, WORD, pieces

_LONGEST = 5


def locate(text: str, start: int, end: int) -> tuple[int, int, float] | None:
    """The longest place that the words begin with."""
    words = pieces(text[start:end])
    for count in range(min(_LONGEST, len(words)), 0, -1):
        place, word = words[count - 1]
        if text[start : start + place + len(word)].lower() in entries("places"):
            # Surer than a name of the same length: Paris and Florence are people less often.
            return start, start + place + len(word), 0.6 if count == 1 else 0.78
    return None


RECOGNISER = Recogniser(
    name="place",
    label="place",
    pattern=rf"{WORD}(?:(?: (?:and|of|the|de))*[ \-]{WORD}){{0,4}}{ENDS}",
    source="ISO 3166-1, countries; US states and Canadian provinces; large cities",
    score=0.6,
    anchors=("capital",),
    hints=("city", "country", "state", "town", "place", "birthplace"),
    locate=locate,
    cell=rf"{WORD}(?:(?: (?:and|of|the|de))*[ \-]{WORD}){{0,4}}{ENDS}",
    direct=False,
)
