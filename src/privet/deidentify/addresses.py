"""How postal addresses are written in Latin script: street and house, flat, box, and the lines that follow."""

from __future__ import annotations

import re

from privet.deidentify.lists import entries
from privet.deidentify.words import LINK, LOWER, UPPER

# Words that end a street's name, and endings of its last word.
_SMALL = "utca|út|útja|u|tér|körút|enparantza|str"
_AFTER = (
    "(?:Street|Road|Avenue|Lane|Drive|Court|Square|Boulevard|Way|Place|Terrace|Crescent|Close|Highway|Parkway|Circle|Trail"
    f"|Row|Plaza|Loop|Grove|Gardens|Park|St|Rd|Ave|Ln|Dr|Ct|Sq|Blvd|Pl|Hwy|Pkwy|Str|{_SMALL})"
)
_ENDINGS = (
    "straße|strasse|str|gasse|weg|platz|allee|damm|ufer|laan|straat|plein|kade|gracht|dreef|singel|baan|gatan|gata"
    "|vägen|vegen|veien|vegur|gränd|vej|stræde|gade|vei|bakken|katu|tie|kuja|polku|braut|stígur"
)
# Words that begin one: those that are nothing else in English, and others.
_OWN = (
    "Calle|C/|Avda|Avenida|Paseo|Pso|Pº|Pza|Carrer|Carretera|Ctra|Ronda|Travesía|Rua|Rúa|Praça|Travessa|Estrada|Rue"
    "|Chemin|Allée|Impasse|Viale|Piazza|Piazzale|Vicolo|Strada|Ulica|Ul|Aleja"
)
_OTHER = "Via|Corso|Largo|Avenue|Av|Boulevard|Bd|Place|Quai|Route|Plaza|Camino|Plac"


def _either_case(words: str) -> str:
    return "|".join(f"[{word[0]}{word[0].lower()}]{word[1:]}" for word in words.split("|"))


_BEFORE = _either_case(f"{_OWN}|{_OTHER}")
_ENDS = rf"(?![{LOWER}{UPPER}0-9])"
_SPACE = r"(?:\. ?| |(?<=/))"
_WORD = rf"(?:[{UPPER}][{UPPER}{LOWER}'’\-]*\.?|[0-9]{{1,3}}(?:st|nd|rd|th))"
_LINKS = rf"(?:(?:{LINK}|dalla|das|dos|do|des|du|der|den|of|las|los|el|l') ?){{0,2}}"
_NAME = rf"{_WORD}(?: {_LINKS}{_WORD}){{0,4}}"
_ANY = rf"[{UPPER}{LOWER}][{UPPER}{LOWER}'’\-]*+\.?"
_CAPITALISED = rf"[{UPPER}][{LOWER}]++"
_ENDED = rf"[{UPPER}][{LOWER}]{{3,}}(?:{_ENDINGS}){_ENDS}"
_LED = (
    rf"(?:(?:{_BEFORE}){_SPACE}{_LINKS}{_NAME}"
    rf"|(?:{_either_case(_OWN)}){_SPACE}{_ANY}(?: {_ANY}){{0,5}}(?=,? (?:n[º°o.]|[0-9]|s/n)))"
)
_TYPED = rf"(?:{_LED}|(?:(?:{_WORD} {_LINKS}){{1,4}}{_AFTER}{_ENDS}|(?:{_WORD} {_LINKS}){{0,4}}{_ENDED})(?:\.(?= ))?)"
# The house's number, and in Spain the floor and door behind it.
_NUMBER = rf"[0-9]{{1,5}}[A-Za-z]?{_ENDS}"
_FLOOR = rf"(?:,? ?-? ?[0-9]{{1,2}}(?:[ºª°o]\.?)? ?,? ?(?:[A-Z]|Iz|Izq|Dcha)?{_ENDS})?"
_HOUSE = rf"(?:,? (?:n[º°o]?\.? ?)?{_NUMBER}{_FLOOR}|,? s/n{_ENDS})"
# A flat may stand alone; a floor or room only behind a street.
_DOOR = rf"\.? #?[0-9][0-9A-Za-z\-]{{0,5}}{_ENDS}"
FLAT = rf"(?:Apt|Apartment|Suite|Ste|Flat){_DOOR}"
# With the house before the street, as in English, or behind it, as on most of the continent.
HOUSE_FIRST = (
    rf"[0-9]{{1,6}} (?=[{UPPER}0-9]|(?:{_BEFORE})\b)(?:[0-9]{{1,5}} )?(?:{_TYPED}(?:{_HOUSE})?|{_NAME} {_NUMBER})"
)
HOUSE_BEHIND = (
    rf"(?=[{UPPER}])(?:{_LED}{_HOUSE}"
    rf"|(?:(?:{_CAPITALISED} ){{1,4}}{_AFTER}{_ENDS}|(?:{_CAPITALISED} ){{0,4}}{_ENDED})\.? {_NUMBER}"
    rf"|{_CAPITALISED}(?: {_CAPITALISED}){{0,3}},? {_NUMBER}{_FLOOR})"
)
# A street alone, by the words that seldom mean anything else.
LAST_WORDS = ("Street", "Road", "Avenue", "Boulevard")
NO_HOUSE = rf"(?:{_CAPITALISED} ){{1,4}}(?:{'|'.join(LAST_WORDS)}){_ENDS}"
# What tells one at a capitalised word (``Recogniser.tells``).
FIRST_WORDS = frozenset(re.findall("[a-zà-ÿ]+", f"{_OWN}|{_OTHER}".lower()))
FOLLOWING = frozenset({" ", ".", "/"} | {" " + re.findall("[a-z]*", word)[0] for word in _SMALL.split("|")})

_STREET = re.compile(rf"(?:[0-9]{{1,6}} ){{0,2}}(?:(?P<typed>{_TYPED})|{_NAME})", re.ASCII)
# What stands before a new line of a letter, also of a quoted one.
_GAP = r",? ?\n?\n?[ >?*]*"
_NEXT_FLAT = re.compile(rf"(?:{_GAP}|[.] )(?:Apt|Apartment|Suite|Ste|Flat|Unit|Floor|Room){_DOOR}", re.ASCII)
_BELOW = re.compile(r",? ?\n")
_TOWN_WORD = rf"(?:[{UPPER}][{LOWER}]{{0,2}}[.](?= [{UPPER}])|[{UPPER}][{UPPER}{LOWER}'’\-]*)"
_TOWN_WORDS = rf"{_TOWN_WORD}(?: (?:(?:and|of|the|u|am|an der|{LINK}) )*{_TOWN_WORD}){{0,4}}"
_TOWN = re.compile(rf"{_GAP}({_TOWN_WORDS}(?: [0-9]{{1,2}})?){_ENDS}", re.ASCII)
# On the continent the code stands before the town.
_CODED_TOWN = re.compile(rf"[,.]?{_GAP}(?:- ?)?(?:[A-Z]{{1,2}}-)?[0-9]{{5}},? {_TOWN_WORDS}{_ENDS}", re.ASCII)
# A state or province; alone it tells a town only at the end.
_REGION = re.compile(rf"\n?,? ?\n?[A-Z]{{1,3}}{_ENDS}", re.ASCII)
_END = re.compile(r"[.,;?!\n]|$")
_CODE = re.compile(rf"{_GAP}[0-9]{{4,6}}(?:-[0-9]{{3,4}})?{_ENDS}", re.ASCII)
_LINE = re.compile(r"(?:^|\n)[ >?*]*(?:[0-9]{1,6} ){0,2}$")


def is_typed(text: str, start: int) -> bool:
    """Whether a word of the street's name says that it is a street.

    >>> is_typed("12 Baker Street", 0), is_typed("12 Baker 4", 0)
    (True, False)
    """
    match = _STREET.match(text, start)
    return match is not None and match.group("typed") is not None


def begins_line(text: str, start: int) -> bool:
    """Whether nothing but signs of quotation stands before it on its line.

    >>> begins_line("> 1 High Street", 2), begins_line("at 1 High Street", 3)
    (True, False)
    """
    return _LINE.search(text[start - 24 if start > 24 else 0 : start]) is not None


def end_of_flat(text: str, end: int) -> int | None:
    """Where the flat ends that follows a street.

    >>> end_of_flat("1 High Street, Apt. 5", 13), end_of_flat("1 High Street, now", 13)
    (21, None)
    """
    match = _NEXT_FLAT.match(text, end)
    return match.end() if match else None


def end_of_town(text: str, end: int) -> int | None:
    """Where the town, region, country and postcode end that follow a street; None without a country, region or code.

    >>> end_of_town("1 High Street, Leeds, UK 40123 and", 13), end_of_town("1 High Street. Now", 13)
    (30, None)
    """
    town = _TOWN.match(text, end)
    if town is None:
        coded = _CODED_TOWN.match(text, end)
        return None if coded is None else coded.end()
    at, sure = town.end(), _is_listed(town.group(1))
    region = _REGION.match(text, at)
    if region is not None and not (sure and _CODE.match(text, region.end()) is None):
        at, last = region.end(), "\n" not in region.group() and _END.match(text, region.end()) is not None
        sure = sure or last
    country = _TOWN.match(text, at)
    if country is not None and _is_listed(country.group(1)):
        at, sure = country.end(), True
    code = _CODE.match(text, at)
    if code is not None:
        return code.end()
    return at if sure else None


def goes_on_below(text: str, end: int) -> bool:
    """Whether the line ends there.

    >>> goes_on_below("1 High Street,\\nLeeds", 13), goes_on_below("1 High Street, Leeds", 13)
    (True, False)
    """
    return _BELOW.match(text, end) is not None


def _is_listed(words: str) -> bool:
    """Whether a listed place ends the words."""
    parts = words.split(" ")
    return any(" ".join(parts[first:]).lower() in entries("places") for first in range(len(parts)))
