"""Hardware addresses of network cards."""

from privet.deidentify.recogniser import Recogniser

_PAIR, _FOUR = "[0-9A-Fa-f]{2}", "[0-9A-Fa-f]{4}"

RECOGNISER = Recogniser(
    name="mac_address",
    label="MAC address",
    pattern=(
        rf"(?<![:\-.])(?:{_PAIR}(?::{_PAIR}){{5}}|{_PAIR}(?:-{_PAIR}){{5}}|{_FOUR}\.{_FOUR}\.{_FOUR})"
        r"(?![A-Za-z0-9:\-]|\.[0-9A-Fa-f])"
    ),
    source="IEEE 802-2014, section 8.1 (EUI-48); dotted form of Cisco",
    score=0.9,
    begins=r"[0Aa]{2}[:-]|[0Aa]{4}(?:\.|$)|[0Aa]{3}$",
    anchors=("hex",),
    hints=("mac", "mac_address", "hardware_address"),
    validate=lambda text: not set(text) <= set("0:-.Ff"),
)
