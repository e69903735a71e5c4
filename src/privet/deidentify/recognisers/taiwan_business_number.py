"""Unified business numbers of Taiwan, beside a word that says so."""

from privet.deidentify.recogniser import NUMBER_BEGINS, NUMBER_ENDS, Recogniser

_WEIGHTS = (1, 2, 1, 2, 1, 2, 4, 1)


def is_valid(text: str) -> bool:
    """Whether the digits of the products add to a multiple of five; the 10 of a seven before the last may count 0.

    >>> is_valid("04595257"), is_valid("04595258")
    (True, False)
    """
    products = [int(digit) * weight for digit, weight in zip(text, _WEIGHTS, strict=True)]
    total = sum(product // 10 + product % 10 for product in products)
    return total % 5 == 0 or (text[6] == "7" and (total + 1) % 5 == 0)


RECOGNISER = Recogniser(
    name="taiwan_business_number",
    label="Taiwan business number",
    pattern=rf"{NUMBER_BEGINS}[0-9]{{8}}{NUMBER_ENDS}",
    source="Ministry of Finance, check of the unified business number as widened in April 2023",
    score=0.7,
    begins="0{8}(?![0Aa])",
    hints=("ubn", "business_number", "統一編號", "統編"),
    validate=is_valid,
    needs_context=True,
    direct=False,
)
