"""Postcodes: only where a word says so, because any number looks like one."""

from privet.deidentify.recogniser import Recogniser

_NUMBERS = r"[0-9]{3}(?:[0-9]{1,3})?|[0-9]{5}-[0-9]{3,4}"
_LETTERS = r"[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}|[A-Z][0-9][A-Z] ?[0-9][A-Z][0-9]"

RECOGNISER = Recogniser(
    name="postcode",
    label="postcode",
    pattern=rf"(?<![.\-/])(?:{_NUMBERS}|{_LETTERS})(?![A-Za-z0-9]|[\-./:][0-9])",
    source="Chunghwa Post (3, 5 or 6 digits); US Postal Service (5 or 9); Royal Mail; Canada Post; Correios",
    score=0.5,
    begins="0{3,6}(?![0Aa]|[-./:]0)|0{5}-0|A{1,2}0",
    hints=("postcode", "postal", "postal_code", "zip", "zipcode", "zip_code", "post_code", "郵遞區號", "邮编"),
    needs_context=True,
    direct=False,
)
