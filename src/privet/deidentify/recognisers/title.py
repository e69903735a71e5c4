"""Titles before names, and occupations where a line or a sentence says what someone is."""

import itertools
import operator
import re

from privet.deidentify.recogniser import Recogniser, Tells
from privet.deidentify.words import LOWER, UPPER

_HONORIFICS = (
    "Mrs?|Ms|Miss|Mx|Dr|Prof|Professor|Sir|Madam|Dame|Lord|Lady|Rev|Reverend|Father|Sister|Judge|Captain|Capt|Colonel|Col"
    "|Sergeant|Sgt|Lieutenant|Lt|General|Gen|Major|Senator|Sen|Governor|Gov|President|Mayor|Herr|Frau|Monsieur|Madame"
    "|Mme|Señora?|Sra?|Don|Doña"
)
_FIRST = frozenset(
    form for name in _HONORIFICS.lower().split("|") for form in (name.replace("?", ""), re.sub(r".\?", "", name))
)
# The last word of an occupation.
_OCCUPATIONS = (
    "accountant|actor|actress|administrator|adviser|advisor|agent|analyst|architect|artist|assistant|attendant|attorney"
    "|auditor|baker|banker|barber|bartender|biologist|broker|builder|butcher|buyer|carpenter|cashier|chef|chemist|cleaner"
    "|clerk|coach|consultant|contractor|cook|coordinator|counsellor|counselor|courier|curator|dealer|dentist|designer"
    "|detective|developer|dietitian|director|dispatcher|doctor|draftsman|driver|economist|editor|electrician|engineer"
    "|examiner|executive|farmer|firefighter|fisherman|fumigator|gardener|geologist|guard|hairdresser|handler|helper"
    "|inspector|installer|instructor|interpreter|investigator|janitor|journalist|judge|labou?rer|lawyer|lecturer"
    "|librarian|lineman|loader|locksmith|machinist|manager|mason|mechanic|midwife|miner|model|musician|nurse|nutritionist"
    "|officer|operator|optician|painter|paralegal|paramedic|pharmacist|photographer|physician|physicist|pilot|planner"
    "|plumber|porter|postman|principal|producer|professor|programmer|psychiatrist|psychologist|receptionist|recruiter"
    "|registrar|repairer|reporter|representative|researcher|roofer|sailor|salesman|salesperson|scientist|secretary|setter"
    "|singer|sociologist|soldier|specialist|statistician|steward|superintendent|supervisor|surgeon|surveyor|tailor"
    "|teacher|technician|technologist|teller|tester|therapist|trader|trainer|translator|tutor|typist|undertaker"
    "|veterinarian|waiter|waitress|welder|worker|writer"
)
# By first letter: an alternative that begins otherwise is passed over before it is tried.
_BY_LETTER = "|".join(
    f"[{letter.upper()}{letter}](?i:{'|'.join(word[1:] for word in words)})"
    for letter, words in itertools.groupby(sorted(_OCCUPATIONS.split("|")), key=operator.itemgetter(0))
)
_JOB = rf"(?:[A-Za-z'’\-]++ (?i:and )?){{0,4}}(?:{_BY_LETTER})"
_BEFORE_NAME = rf"(?:{_HONORIFICS})\b\.?(?= [{UPPER}])"
# On a line of its own, or after "as".
_OWN = re.compile(r"(?:(?:^|\n)[ >?*\-]*|\bas (?:an? |the )?)$")
_ENDS = re.compile(r"[ ,]*(?:$|\n|[.,;]|but\b|and\b|at\b|for\b)")
# Looked for only where a line begins and after "as": a look at each word would cost prose its speed.
_MAY_BE = r"(?:(?<=\n)|(?<=[>?*]\ )|(?<=\n\ )|(?<=as\ )|(?<=as a )|(?<=as an )|(?<=as the )|(?<![\s\S]))"
_PATTERN = rf"(?:{_BEFORE_NAME}|{_MAY_BE}{_JOB}(?![A-Za-z]))"
_HONORIFIC = re.compile(_BEFORE_NAME)


def locate(text: str, start: int, end: int) -> tuple[int, int, float] | None:
    """A title stands before a name; an occupation alone on its line, or after "as"."""
    honorific = _HONORIFIC.match(text, start)
    if honorific is not None:
        # A full stop belongs to it, and the name begins after it.
        return start, honorific.end(), 0.66
    alone = _OWN.search(text[max(0, start - 12) : start]) and _ENDS.match(text, end)
    return (start, end, 0.6) if alone else None


RECOGNISER = Recogniser(
    name="title",
    label="title or occupation",
    pattern=rf"{_PATTERN}(?![{LOWER}])",
    source="Forms of address; occupations as of ISCO-08, by their last word: written for this project",
    score=0.6,
    anchors=("capital",),
    tells=Tells(first=_FIRST, before=frozenset({"as", "as a", "as an", "as the", "", "\n", ">", "?", "*"})),
    hints=("title", "salutation", "anrede", "civilite", "稱謂", "称谓"),
    locate=locate,
    cell=rf"(?:{_HONORIFICS})\.?",
    direct=False,
)
