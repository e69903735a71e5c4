"""Named entities of a spaCy pipeline beside our recognisers: for those who have a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from privet.core.errors import InvalidParameter, MissingDependency
from privet.deidentify.finding import Finding

# The labels of spaCy's models (OntoNotes, and those of WikiNER); what is not named here is no identifier.
KINDS: Mapping[str, str] = {
    "PERSON": "person_name", "PER": "person_name", "GPE": "place", "LOC": "place", "FAC": "place",
    "ORG": "organisation", "NORP": "nationality", "DATE": "date",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SpacyFinder:
    """What the entity recogniser of a pipeline finds, as findings of ours.

    Guarantee: none. Units: ``score`` is how sure each entity counts, 0 to 1, for spaCy tells none; a checksum of ours
    (0.9 and more) is surer than the default, a name that our lists know less so.
    """

    pipeline: Any
    score: float = 0.8
    kinds: Mapping[str, str] = field(default_factory=lambda: KINDS)

    @classmethod
    def load(cls, model: str, *, score: float = 0.8) -> SpacyFinder:
        """A model that is installed, by its name. Nothing is fetched.

        Errors: MissingDependency without the extra ``presidio``; InvalidParameter if there is no such model.
        """
        try:
            import spacy
        except ImportError:
            raise MissingDependency("spaCy is not installed; pip install privet[presidio]") from None
        try:
            return cls(spacy.load(model), score)
        except OSError:
            raise InvalidParameter(f"there is no spaCy model {model!r} here; install its package first") from None

    def find(self, text: str) -> list[Finding]:
        """The pipeline's entities in a text."""
        return [
            Finding(self.kinds[entity.label_], entity.start_char, entity.end_char, self.score)
            for entity in self.pipeline(text).ents
            if entity.label_ in self.kinds
        ]
