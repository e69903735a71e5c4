"""Postcodes: only where the column's name says so, because any number looks like one."""

import re

from privet.deidentify.recogniser import Recogniser

RECOGNISER = Recogniser(
    name="postcode",
    label="postcode",
    pattern=re.compile(r"\d{3}(?:\d{2,3})?|\d{5}-\d{4}|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}"),
    source="Chunghwa Post (3, 5 or 6 digits); US Postal Service (5 or 9); Royal Mail",
    score=0.5,
    hints=("postcode", "postal", "zip", "zipcode", "post_code", "郵遞區號", "邮编"),
    in_text=False,
    direct=False,
)
