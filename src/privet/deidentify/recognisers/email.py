"""E-mail addresses."""

from privet.deidentify.recogniser import Recogniser

_PATTERN = (
    r"(?<![._%+\-@])[A-Za-z0-9](?:[A-Za-z0-9._%+\-]{0,62}[A-Za-z0-9_%+\-])?"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?\.)+(?:[A-Za-z]{2,24}|xn--[A-Za-z0-9\-]{2,40})(?![A-Za-z0-9\-])"
)

RECOGNISER = Recogniser(
    name="email",
    label="e-mail address",
    pattern=_PATTERN,
    source="RFC 5321 section 4.1.2, dot-atom form",
    score=0.95,
    anchors=("mail",),
    hints=("email", "mail", "e_mail", "電子郵件", "信箱", "邮箱"),
)
