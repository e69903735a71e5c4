"""Places on earth as latitude and longitude, exact enough to be somebody's."""

import re

from privet.deidentify.recogniser import NUMBER_BEGINS, NUMBER_ENDS, Recogniser

# Three decimals are a hundred metres.
_DECIMAL = r"[+\-]?[0-9]{1,2}\.[0-9]{3,}[ ]?[°]?[NSns]?[,;]?[ ]?[+\-]?[0-9]{1,3}\.[0-9]{3,}[ ]?[°]?[EWOewo]?"
# Without a word beside it, four decimals and a comma.
_ALONE = r"[+\-]?[0-9]{1,2}\.[0-9]{4,}[ ]?[°]?[NSns]?[,;][ ]?[+\-]?[0-9]{1,3}\.[0-9]{4,}[ ]?[°]?[EWOewo]?"
_PART = r"[0-9]{1,2} ?[′'’] ?(?:[0-9]{1,2}(?:\.[0-9]+)? ?[″\"”])?"
_DEGREES = rf"[0-9]{{1,2}} ?° ?{_PART} ?[NS][,;]? ?[0-9]{{1,3}} ?° ?{_PART} ?[EW]"


def is_valid(text: str) -> bool:
    """Whether the latitude is within 90 degrees and the longitude within 180.

    >>> is_valid("25.0330, 121.5654"), is_valid("95.0330, 121.5654")
    (True, False)
    """
    if "′" in text or "'" in text or "’" in text:
        return True
    latitude, longitude = (float(number) for number in re.findall(r"[0-9]+\.[0-9]+", text))
    return latitude <= 90 and longitude <= 180


RECOGNISER = Recogniser(
    name="gps_coordinates",
    label="GPS coordinates",
    pattern=rf"(?<![.])(?:{_DECIMAL}|{_DEGREES})(?![A-Za-z0-9]|\.[0-9])",
    source="ISO 6709, annex H and D",
    score=0.7,
    begins=r"00?(?:\.0| ?[?])",
    anchors=("sign",),
    hints=("gps", "coordinates", "latitude", "lat", "location", "座標", "坐标", "經緯度"),
    validate=is_valid,
    needs_context=True,
    alone=rf"{NUMBER_BEGINS}(?:{_ALONE}|{_DEGREES}){NUMBER_ENDS}",
    direct=False,
)
