"""Identity numbers of Singapore's citizens (S, T) and foreigners (F, G, M)."""

from privet.deidentify.checksums import weighted_sum
from privet.deidentify.recogniser import Recogniser

_OFFSETS = {"S": 0, "T": 4, "F": 0, "G": 4, "M": 3}
_LETTERS = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "F": "XWUTRQPNMLK", "G": "XWUTRQPNMLK", "M": "XWUTRQPNJLK"}


def is_valid(text: str) -> bool:
    """Whether the last letter is that of the weighted sum modulo 11.

    >>> is_valid("S1234567D"), is_valid("S1234567E")
    (True, False)
    """
    plain = text.upper()
    rest = (weighted_sum(plain[1:8], (2, 7, 6, 5, 4, 3, 2)) + _OFFSETS[plain[0]]) % 11
    return _LETTERS[plain[0]][rest] == plain[8]


RECOGNISER = Recogniser(
    name="singapore_nric",
    label="Singapore NRIC or FIN",
    pattern=r"[STFGMstfgm][0-9]{7}[A-Za-z](?![A-Za-z0-9])",
    source="Immigration and Checkpoints Authority, NRIC and FIN; series M since January 2022",
    score=0.92,
    begins="[Aa]00",
    hints=("nric", "fin"),
    validate=is_valid,
)
