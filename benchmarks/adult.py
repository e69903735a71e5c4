"""UCI Adult and the hierarchies that ARX ships for it, in our words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from privet.deidentify.hierarchies import Bands, Hierarchy, Suppression, Tree

DATA = Path(os.environ.get("PRIVET_DATA", Path(__file__).parents[2] / "shared" / "data"))
QUASI = ("age", "education", "marital_status", "occupation", "sex", "native_country")
NAMES = ("sex", "age", "race", "marital_status", "education", "native_country", "workclass", "occupation", "income")

# As in ARX's example, with its two spellings of Europe: the same tree is what makes the optima comparable.
_COUNTRIES = {
    "North America": ["United-States", "Puerto-Rico", "Canada", "Outlying-US(Guam-USVI-etc)", "Cuba", "Honduras",
                      "Jamaica", "Mexico", "Dominican-Republic", "Haiti", "Guatemala", "El-Salvador"],
    "South America": ["Ecuador", "Columbia", "Nicaragua", "Trinadad&Tobago", "Peru"],
    "Asia": ["Cambodia", "India", "Japan", "China", "Iran", "Philippines", "Vietnam", "Laos", "Taiwan", "Thailand",
             "Hong"],
    "Africa": ["South"],
    "Europa": ["England"],
    "Europe": ["Germany", "Greece", "Italy", "Poland", "Portugal", "Ireland", "France", "Hungary", "Scotland",
               "Yugoslavia", "Holand-Netherlands"],
}  # fmt: skip
_EDUCATION = {
    "Higher education": {
        "Undergraduate": ["Bachelors", "Some-college"],
        "Professional Education": ["Prof-school", "Assoc-acdm", "Assoc-voc"],
        "Graduate": ["Masters", "Doctorate"],
    },
    "Secondary education": {"High School": ["9th", "10th", "11th", "12th", "HS-grad", "7th-8th"]},
    "Primary education": {"Primary School": ["Preschool", "1st-4th", "5th-6th"]},
}
_OCCUPATIONS = {
    "Technical": ["Tech-support", "Craft-repair", "Prof-specialty", "Machine-op-inspct"],
    "Nontechnical": ["Sales", "Exec-managerial", "Handlers-cleaners"],
    "Other": ["Other-service", "Adm-clerical", "Farming-fishing", "Transport-moving", "Priv-house-serv",
              "Protective-serv", "Armed-Forces"],
}  # fmt: skip
HIERARCHIES: dict[str, Hierarchy] = {
    "sex": Suppression(),
    "age": Bands(widths=(5, 10, 20), lowest=1, highest=100),
    "race": Suppression(),
    "marital_status": Tree({
        "spouse present": ["Married-civ-spouse", "Married-AF-spouse"],
        "spouse not present": ["Divorced", "Never-married", "Separated", "Widowed", "Married-spouse-absent"],
    }),
    "education": Tree(_EDUCATION),
    "native_country": Tree(_COUNTRIES),
    "workclass": Tree({
        "Non-Government": ["Private", "Self-emp-not-inc", "Self-emp-inc"],
        "Government": ["Federal-gov", "Local-gov", "State-gov"],
        "Unemployed": ["Without-pay", "Never-worked"],
    }),
    "occupation": Tree(_OCCUPATIONS),
    "income": Suppression(),
}  # fmt: skip


def adult(*, complete: bool = False) -> Any:
    """The published training part: 32,561 rows; or the 30,162 without a missing cell, which ARX ships."""
    import pandas

    table = pandas.read_parquet(DATA / "adult" / "adult.parquet")
    table = table[table["split"] == "train"].drop(columns="split")
    return (table.dropna() if complete else table).reset_index(drop=True)
