"""Bank identifier codes (SWIFT), beside a word that says so: many words in capitals have their form."""

import re

from privet.deidentify.recogniser import Recogniser

_COUNTRIES = frozenset(
    re.findall(
        r"[A-Z0-9]{2}",
        "AD AE AF AG AI AL AM AO AR AT AU AW AZ BA BB BD BE BF BG BH BI BJ BM BN BO BR BS BT BW BY BZ CA CD CF CG CH "
        "CI CK CL CM CN CO CR CU CV CY CZ DE DJ DK DM DO DZ EC EE EG ER ES ET FI FJ FK FM FO FR GA GB GD GE GG GH GI "
        "GL GM GN GQ GR GT GW GY HK HN HR HT HU ID IE IL IM IN IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY "
        "KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MG MH MK ML MM MN MO MR MS MT MU MV MW MX MY MZ NA NC NE NG "
        "NI NL NO NP NR NZ OM PA PE PF PG PH PK PL PS PT PW PY QA RO RS RU RW SA SB SC SD SE SG SH SI SK SL SM SN SO "
        "SR SS ST SV SY SZ TC TD TG TH TJ TL TM TN TO TR TT TV TW TZ UA UG US UY UZ VA VC VE VG VN VU WF WS XK YE ZA "
        "ZM ZW",
    )
)

RECOGNISER = Recogniser(
    name="swift_code",
    label="SWIFT code",
    pattern=r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?(?![A-Za-z0-9])",
    source="ISO 9362; countries of ISO 3166-1",
    score=0.7,
    begins="A{6}[A0]",
    hints=("swift", "bic", "swift_code", "bank_code"),
    validate=lambda text: text[4:6] in _COUNTRIES,
    needs_context=True,
    direct=False,
)
