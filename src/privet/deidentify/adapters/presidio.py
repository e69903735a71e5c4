"""Presidio's recognisers beside ours: for those who have a model or rules there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from privet.core.errors import MissingDependency
from privet.deidentify.finding import Finding

# Presidio's names of what we have kinds for; other entities keep their name in small letters.
KINDS: Mapping[str, str] = {
    "PERSON": "person_name", "LOCATION": "place", "GPE": "place", "ORGANIZATION": "organisation", "NRP": "nationality",
    "DATE_TIME": "date", "AGE": "age", "TITLE": "title", "CREDIT_CARD": "credit_card", "EMAIL_ADDRESS": "email",
    "IBAN_CODE": "iban", "IP_ADDRESS": "ip_address", "PHONE_NUMBER": "phone", "URL": "url", "CRYPTO": "crypto_wallet",
    "US_SSN": "us_ssn", "US_ITIN": "us_itin", "US_PASSPORT": "us_passport", "US_DRIVER_LICENSE": "us_driver_licence",
    "UK_NHS": "uk_nhs", "UK_NINO": "uk_nino", "ES_NIF": "spain_id", "ES_NIE": "spain_id", "PL_PESEL": "poland_pesel",
    "IT_FISCAL_CODE": "italy_fiscal_code", "FI_PERSONAL_IDENTITY_CODE": "finland_hetu", "SG_NRIC_FIN": "singapore_nric",
    "IN_AADHAAR": "india_aadhaar", "IN_PAN": "india_pan", "KR_RRN": "korea_rrn",
}  # fmt: skip
# Presidio's recognisers of these fetch a list of domains from the network; ours need none.
FETCHES = frozenset({"EMAIL_ADDRESS", "URL"})


@dataclass(frozen=True, slots=True)
class PresidioFinder:
    """What an ``AnalyzerEngine`` finds, as findings of ours.

    Guarantee: none. Entities whose recognisers open the network are left out unless ``leave_out`` is emptied.
    Units: ``least_score`` is Presidio's confidence, 0 to 1, below which a result is left out; scores are taken over.
    """

    engine: Any
    language: str = "en"
    least_score: float = 0.35
    leave_out: frozenset[str] = FETCHES
    kinds: Mapping[str, str] = field(default_factory=lambda: KINDS)

    @classmethod
    def load(cls, *, language: str = "en") -> PresidioFinder:
        """Presidio's default engine and its model. Errors: MissingDependency without the extra ``presidio``."""
        try:
            from presidio_analyzer import AnalyzerEngine
        except ImportError:
            raise MissingDependency("Presidio is not installed; pip install privet[presidio]") from None
        return cls(AnalyzerEngine(supported_languages=[language]), language)

    def find(self, text: str) -> list[Finding]:
        """Presidio's results for a text, overlaps and all."""
        entities = sorted(set(self.engine.get_supported_entities(language=self.language)) - self.leave_out)
        if not entities:
            return []
        results = self.engine.analyze(text=text, language=self.language, entities=entities)
        return [
            Finding(self.kinds.get(item.entity_type, item.entity_type.lower()), item.start, item.end, item.score)
            for item in results
            if item.score >= self.least_score and item.start < item.end
        ]
