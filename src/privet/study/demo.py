"""The demo's study: real health records of the RAND experiment, with identifiers that nobody ever had."""

from __future__ import annotations

from pathlib import Path

from privet.core.durable import write_whole
from privet.core.errors import InvalidParameter

STUDY = """\
# The demo: who sees a doctor more than twice a year? Real records of the RAND Health Insurance Experiment
# (20,190 person-years, public domain) with made-up names, numbers and addresses.

[study]
name = "visits"
title = "More than two visits to a doctor in a year"
source_note = "RAND Health Insurance Experiment, public domain, shipped with statsmodels; identifiers made up by Faker"

[data]
source = "people.csv"
unit = "row"                      # the file has no person key, so the unit is the person-year
unit_name = "person-year"
expected_units = 20000            # published; not counted in the file

[data.schema.mdvis]
kind = "number"
bounds = [0, 80]
[data.schema.lncoins]             # log of the coinsurance rate + 1, in percent
kind = "number"
bounds = [0, 4.62]
[data.schema.idp]                 # individual deductible plan
kind = "flag"
[data.schema.lpi]                 # log of the yearly participation incentive
kind = "number"
bounds = [0, 7.2]
[data.schema.fmde]                # log of the largest medical deductible
kind = "number"
bounds = [0, 8.3]
[data.schema.physlm]              # physical limitation
kind = "number"
bounds = [0, 1]
[data.schema.disea]               # number of chronic diseases
kind = "number"
bounds = [0, 60]
[data.schema.hlthg]               # own rating of health: good
kind = "flag"
[data.schema.hlthf]               # fair
kind = "flag"
[data.schema.hlthp]               # poor
kind = "flag"

[budget]
ledger = "sqlite:///privet.db"
account = "rand-2026"
purpose = "Demonstration on public records"
epsilon = 3.0
delta = 1e-6
allow_no_guarantee = true         # these records are public: laboratory figures may be shown, marked as such

[protect]
policy = "policy.toml"
quasi_identifiers = ["birth_date", "postcode", "physlm", "hlthg", "hlthf", "hlthp"]
sensitive = "disea"               # how much does a group of look-alikes say about its members' diseases?
table = "deidentified.csv"

[train]
model = "logistic"
target = "mdvis"
positive_above = 2                # "more than two visits": a public threshold
mode = "central"
epsilon = 1.0
steps = 120

[federated]
sites = 4
strategy = "fed_avg"
rounds = 20
local_steps = 6
secure_sum = true
epsilon = 1.0

[evaluate]
epsilon = 0.4

[audit]
attacks = ["loss_threshold"]
epsilon = 0.2
laboratory = true

[report]
path = "report.html"
"""


def write_study(folder: Path) -> Path:
    """Make the demo's folder with its table, policy and study file, unless they are there; the path of the study.

    Errors: InvalidParameter if the folder holds something else; MissingDependency without the extra ``demo``.
    """
    from privet.study.demo_data import write_demo

    study = folder / "study.toml"
    if study.exists():
        return study
    if folder.exists() and any(folder.iterdir()):
        raise InvalidParameter(f"{folder} is not empty and holds no study.toml; give another folder with --folder")
    folder.mkdir(parents=True, exist_ok=True)
    write_demo(folder, seed=1977)
    # The study file comes last and at once: where it is, all the rest is.
    write_whole(study, STUDY)
    return study
