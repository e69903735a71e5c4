"""Internet addresses, versions 4 and 6."""

import ipaddress
import re

from privet.deidentify.recogniser import Recogniser

_FOUR = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}"
_SIX = r"(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}"


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
    pattern=re.compile(rf"(?<![\w.:])(?:{_FOUR}|{_SIX})(?![\w:]|\.\d)"),
    source="RFC 791, RFC 4291",
    score=0.8,
    hints=("ip", "ip_address"),
    validate=is_valid,
)
