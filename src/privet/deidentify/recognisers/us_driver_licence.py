"""Driver's licences of the United States, beside a word that says so: each state has a form of its own."""

from privet.deidentify.checksums import all_the_same
from privet.deidentify.recogniser import NUMBER_BEGINS, NUMBER_ENDS, Recogniser

_FORMS = (
    r"[A-Za-z][0-9]{3,14}",  # AZ CA FL HI IL KY LA MD MI MN MO NE NV NJ NY OK VA WV WI
    r"[A-Za-z]{2}[0-9]{3,7}[A-Za-z]?",  # ID OH UT
    r"[A-Za-z][0-9]{3}(?:-[0-9]{1,4}){2,4}",  # FL IL MD MI MN, printed
    r"[0-9]{7,12}",  # most others
    r"[0-9]{3}[A-Za-z]{2}[0-9]{4}|[0-9]{2}[A-Za-z]{3}[0-9]{5}|[0-9]{8,9}[A-Za-z]{1,2}",  # IA NH MO ME VT
    r"[A-Za-z]{1,7}[A-Za-z0-9*]{3,6}[0-9]{2,3}[A-Za-z0-9]{2}",  # WA
)

RECOGNISER = Recogniser(
    name="us_driver_licence",
    label="US driver's licence",
    pattern=rf"{NUMBER_BEGINS}(?:{'|'.join(_FORMS)}){NUMBER_ENDS}",
    source="AAMVA, personal identification; forms by state as issued in 2024",
    score=0.65,
    begins="0{7,12}(?![0Aa])|0{2,3}[Aa]{2}|0{8,9}[Aa]|[Aa]{1,13}[0*]",
    hints=("driver_license", "driver_licence", "drivers_license", "drivers_licence", "driver's_license",
           "driver's_licence", "driving_licence", "driving_license", "license_number", "licence_number", "dl",
           "駕照", "驾照"),
    validate=lambda text: len(text) > 5 and not all_the_same(text),
    needs_context=True,
)  # fmt: skip
