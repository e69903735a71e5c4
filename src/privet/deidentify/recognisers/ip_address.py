"""Internet addresses, versions 4 and 6."""

import ipaddress

from privet.deidentify.recogniser import Recogniser

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_FOUR = rf"(?<![.:]){_OCTET}(?:\.{_OCTET}){{3}}(?![A-Za-z0-9]|\.[0-9])"
_SIX = r"(?<![.:])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]{0,4})(?![A-Za-z0-9:]|\.[0-9])"


def is_valid(text: str) -> bool:
    """Whether it is an address; "::" alone is more often a programmer's than a person's.

    >>> is_valid("192.168.1.10"), is_valid("::")
    (True, False)
    """
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return len(text) > 3


RECOGNISER = Recogniser(
    name="ip_address",
    label="IP address",
    pattern=rf"(?:{_FOUR}|{_SIX})",
    source="RFC 791; RFC 4291, section 2.2",
    score=0.8,
    begins=r"0{1,3}(?:\.0|[Aa])|0{1,4}:|[Aa]{1,3}0",
    anchors=("hex",),
    hints=("ip", "ip_address"),
    validate=is_valid,
)
