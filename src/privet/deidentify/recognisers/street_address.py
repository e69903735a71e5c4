"""Street addresses: only where the column's name says so and the cells look it."""

from privet.deidentify.recogniser import Recogniser

_TAIWAN = r".*[縣市區鄉鎮路街道巷弄].*\d+ ?[號号].*"
_LATIN = r"(?:.*\d+.*[A-Za-z]{2,}.*|.*[A-Za-z]{2,}.*\d+.*)"

RECOGNISER = Recogniser(
    name="street_address",
    label="street address",
    pattern=rf"(?s:{_TAIWAN}|{_LATIN})",
    source="Shape of addresses in Taiwan and of street, number and town in Latin script",
    score=0.3,
    hints=("address", "street", "addr", "residence", "地址", "住址"),
    in_text=False,
)
