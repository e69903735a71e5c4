"""E-mail addresses."""

import re

from privet.deidentify.recogniser import Recogniser

_PATTERN = (
    r"(?<![A-Za-z0-9._%+\-])[A-Za-z0-9](?:[A-Za-z0-9._%+\-]{0,62}[A-Za-z0-9_%+\-])?"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}(?![A-Za-z0-9\-])"
)

RECOGNISER = Recogniser(
    name="email",
    label="e-mail address",
    pattern=re.compile(_PATTERN),
    source="RFC 5321 section 4.1.2, dot-atom form",
    score=0.95,
    hints=("email", "mail", "e_mail", "電子郵件", "信箱"),
)
