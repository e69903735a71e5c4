"""National register numbers of Belgium."""

from privet.deidentify.checksums import digits
from privet.deidentify.recogniser import NUMBER_BEGINS, NUMBER_ENDS, Recogniser


def is_valid(text: str) -> bool:
    """Whether the last two digits are 97 less the others modulo 97, a 2 before them for births since 2000.

    >>> is_valid("85.07.30-033.28"), is_valid("17.07.30-033.84"), is_valid("85.07.30-033.29")
    (True, True, False)
    """
    number = digits(text)
    month, day, check = int(number[2:4]) % 20, int(number[4:6]), int(number[9:])
    return month <= 12 and day <= 31 and check in (97 - int(number[:9]) % 97, 97 - int("2" + number[:9]) % 97)


RECOGNISER = Recogniser(
    name="belgium_national_number",
    label="Belgian national number",
    pattern=rf"{NUMBER_BEGINS}(?:[0-9]{{2}}\.[0-9]{{2}}\.[0-9]{{2}}-[0-9]{{3}}\.[0-9]{{2}}|[0-9]{{11}}){NUMBER_ENDS}",
    source="Koninklijk besluit 3 April 1984; bis numbers add 20 or 40 to the month",
    score=0.75,
    begins=r"00\.0|0{11}(?![0Aa])",
    hints=("rijksregisternummer", "rijksregister", "national_number", "niss", "insz"),
    validate=is_valid,
    needs_context=True,
    alone=rf"{NUMBER_BEGINS}(?:[0-9]{{2}}\.[0-9]{{2}}\.[0-9]{{2}}-[0-9]{{3}}\.[0-9]{{2}}){NUMBER_ENDS}",
)
