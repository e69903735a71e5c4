"""United States individual taxpayer identification numbers."""

from privet.deidentify.recogniser import NUMBER_BEGINS, NUMBER_ENDS, Recogniser

_MIDDLE = "(?:5[0-9]|6[0-5]|7[0-9]|8[0-8]|9[0-2]|9[4-9])"

RECOGNISER = Recogniser(
    name="us_itin",
    label="US taxpayer number",
    pattern=rf"{NUMBER_BEGINS}9[0-9]{{2}}(?:-{_MIDDLE}-|[ ]{_MIDDLE}[ ]|{_MIDDLE})[0-9]{{4}}{NUMBER_ENDS}",
    source="Internal Revenue Manual 3.21.263: 9, then 50-65, 70-88, 90-92 or 94-99",
    score=0.8,
    begins="0{9}(?![0Aa])|000[ -]0",
    hints=("itin", "tin", "taxpayer", "tax_id"),
    needs_context=True,
    alone=rf"{NUMBER_BEGINS}(?:9[0-9]{{2}}-{_MIDDLE}-[0-9]{{4}}){NUMBER_ENDS}",
)
