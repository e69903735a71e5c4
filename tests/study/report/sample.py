"""Two reports to render: one with everything, one with nearly everything withheld. All figures are made up."""

from __future__ import annotations

import math
from statistics import NormalDist

from privet.study.report.model import (
    CERTIFICATE_QUESTIONS,
    AttackView,
    BudgetView,
    CertificateLine,
    ClaimView,
    ClassSize,
    ColumnView,
    Combination,
    ComparisonView,
    CurvePoint,
    DatasetView,
    Estimate,
    FederatedView,
    Interval,
    ModelView,
    PosteriorPoint,
    ReidentificationView,
    RiskView,
    StepView,
    StudyReport,
    TableRisk,
    TprBound,
    TprResult,
    Verdict,
    Version,
    Withheld,
)

LABORATORY = "laboratory figure, not released, outside the guarantee"
VERSIONS = (Version("Privet", "0.1.0"), Version("Python", "3.11.9"), Version("dp-accounting", "0.6.0"))


def share(value: float, low: float, high: float) -> Estimate:
    return Estimate(value, Interval(low, high, 0.95))


def claims() -> tuple[ClaimView, ...]:
    def claim(name: str, epsilon: float, covers: str, **rest: object) -> ClaimView:
        fields = {"state": "committed", "receipt": f"c-{name[:4].lower()}-0007", "this_study": True, **rest}
        return ClaimView(
            name=name,
            when="2026-11-24T09:12:00+00:00",
            guarantee=f"epsilon {epsilon} at delta 2.5e-07",
            epsilon=epsilon,
            delta=2.5e-7,
            covers=covers,
            **fields,  # type: ignore[arg-type]
        )

    return (
        claim("Counts by plan", 0.2, "a table of 8 noisy counts", this_study=False),
        claim("Logistic regression, central", 1.0, "the final coefficients, once"),
        claim("Logistic regression, federated", 1.0, "the global model after each of 10 rounds"),
        claim("Accuracy of both models", 0.1, "two noisy accuracies"),
        claim("Membership attack", 0.15, "nothing: the run stopped", state="forfeited",
              receipt=Withheld("a forfeited charge has no receipt")),
    )  # fmt: skip


# The curve of one Gaussian mechanism (Dong, Roth & Su 2022, Corollary 2.13), so that the figures agree with each other.
MU = 0.49109
NORMAL = NormalDist()


def gaussian_delta(epsilon: float) -> float:
    near, far = NORMAL.cdf(-epsilon / MU + MU / 2), NORMAL.cdf(-epsilon / MU - MU / 2)
    return max(0.0, near - math.exp(epsilon) * far)


def risk() -> RiskView:
    gain = math.exp(0.5)
    found = {fpr: NORMAL.cdf(NORMAL.inv_cdf(fpr) + MU) for fpr in (0.01, 0.001)}
    return RiskView(
        covers="everything this account has paid for",
        epsilon=2.21,
        delta=1e-6,
        curve=tuple(CurvePoint(0.1 * step, gaussian_delta(0.1 * step)) for step in range(33)),
        accuracy_from_curve=NORMAL.cdf(MU / 2),
        accuracy_from_point=0.9011,
        tpr=(TprBound(0.01, found[0.01], 0.0909), TprBound(0.001, found[0.001], 0.0091)),
        posterior=tuple(PosteriorPoint(p / 20, p / 20 * gain / (p / 20 * gain + 1 - p / 20)) for p in range(21)),
        posterior_note="It may be surer with a chance of δ.",
        sentences=(
            "Of 1,000 members, an attacker who may wrongly accuse 10 of 1,000 outsiders finds at most 34.",
            "Nobody's risk changes more than this, however much else the attacker knows.",
        ),
    )


def comparison() -> ComparisonView:
    return ComparisonView(
        "Share of right answers to “more than five visits in the year”, on 4,038 person-years kept aside.",
        (
            ModelView("Logistic regression, central", "private-central", 1.0, share(0.6912, 0.6767, 0.7055), True),
            ModelView("Logistic regression, federated", "private-federated", 1.0, share(0.6871, 0.6725, 0.7014), True),
            ModelView("Logistic regression, no protection", "non-private", math.inf, share(0.6954, 0.681, 0.7096),
                      False, LABORATORY),
            ModelView("Always the commoner answer", "baseline", 0.0, share(0.6283, 0.6132, 0.6433), False,
                      "laboratory figure, counted on the same rows"),
        ),
    )  # fmt: skip


def reidentification() -> ReidentificationView:
    labels = ("1", "2 to 4", "5 to 9", "10 to 49", "50 and more")
    before = tuple(map(ClassSize, labels, (0.712, 0.201, 0.052, 0.03, 0.005)))
    after = tuple(map(ClassSize, labels, (0.0, 0.0, 0.184, 0.507, 0.309)))
    dangerous = (Combination(("birth date", "postcode", "sex"), 0.971), Combination(("birth date", "postcode"), 0.962),
                 Combination(("age", "income", "education"), 0.418))  # fmt: skip
    return ReidentificationView(
        ("age", "sex", "region", "income", "education"),
        TableRisk(20190, 1, 0.7121, before, dangerous),
        TableRisk(19874, 5, 0.0, after, ()),
        "read from the table itself; outside the guarantee, stays in the house",
    )


def attacks() -> tuple[AttackView, ...]:
    def results(*rows: tuple[float, float, float, float, float, float | Withheld]) -> tuple[TprResult, ...]:
        return tuple(TprResult(w, r, share(t, low, high), bound) for w, r, t, low, high, bound in rows)

    unbounded = Withheld("no guarantee covers this model")
    return (
        AttackView("central model", "Loss threshold", True, 8000, 8000, share(0.503, 0.494, 0.512),
                   results((0.01, 0.0099, 0.0107, 0.0086, 0.0133, 0.0203),
                           (0.001, 0.001, 0.0011, 0.0005, 0.0021, 0.0024)),
                   0.0, 4.71),
        AttackView("model without protection", "Loss threshold", False, 8000, 8000, share(0.521, 0.512, 0.53),
                   results((0.01, 0.0101, 0.0164, 0.0138, 0.0194, unbounded)), 0.12, 4.71, LABORATORY),
    )  # fmt: skip


def certificate() -> tuple[CertificateLine, ...]:
    answers = (
        "(2.21, 1e-6)-differential privacy for everything this account has paid for; the whole curve is in section 2",
        "one person-year",
        "one person-year more or less; the number of rows is private",
        "1 row each; a person with five years takes part five times",
        "central: the hospital's process holds data, book, gate. Federated: the sites trust each other not to collude",
        "final coefficients of the central model; the global model after every federated round",
        "5 charges, one of them from earlier work, one forfeited and still counted",
        "none: the settings were fixed in advance on stand-in data",
        "Poisson sampling at rate 0.02, the sampler that ran",
        "privet 0.1.0 with dp-accounting 0.6.0 (loss distributions), filter over Renyi orders",
        "noise from the system's generator; discrete samplers for counts, floating-point Gaussian in training",
        "bounds of 11 columns, stated in the study file",
        "no attack proved more than epsilon 0; the most it could have proved is 4.71",
    )
    return tuple(map(CertificateLine, CERTIFICATE_QUESTIONS, answers))


def full() -> StudyReport:
    return StudyReport(
        title="Who visits the doctor often? Health Insurance Experiment",
        created="2026-11-24T11:05:00+00:00",
        versions=VERSIONS,
        verdict=Verdict(
            "ok",
            "The study stayed within its budget, and no attack did better than the guarantee allows.",
            (
                "Three columns that name people were removed and two replaced by pseudonyms.",
                "The protected models are half a percentage point less accurate than one without protection.",
            ),
        ),
        dataset=DatasetView("RAND Health Insurance Experiment 兰德健康保险实验", "20,190 person-years, published",
                            "person-year", "one person-year more or less", 1,
                            "public records with made-up names, addresses and numbers"),
        budget=BudgetView("people-2026", 3.0, 1e-6, 2.21, 7.5e-7,
                          "a Renyi filter of order 24, which holds for charges chosen one after another", 1.87,
                          claims()),
        risk=risk(),
        comparison=comparison(),
        identifiers=(
            ColumnView("full_name", "name of a person", 0.998, "removed"),
            ColumnView("ssn", "social security number", 1.0, "replaced by a keyed pseudonym"),
            ColumnView("age", "trait that outsiders may know", 1.0, "in bands of five years"),
            ColumnView("备注", "name in running text", 0.041, "masked"),
            ColumnView("mdvis", "none found", 0.0, "kept"),
        ),
        reidentification=reidentification(),
        attacks=attacks(),
        federated=FederatedView(4, 10, "federated averaging", True, 1864,
                                "Each site sees its own rows. Who adds up sees only the masked sum.", True),
        certificate=certificate(),
        limits=(
            "The guarantee protects a person-year; somebody with five years is protected less.",
            "De-identified tables carry no guarantee: unknown side knowledge can undo them.",
            "Attacks that fail prove nothing about attacks that nobody tried.",
        ),
        steps=(StepView("detect identifiers", 3.21, "done"), StepView("train, central", 41.7, "done"),
               StepView("train, federated", 154.0, "done"), StepView("export", Withheld("not run"), "skipped")),
    )  # fmt: skip


def minimal() -> StudyReport:
    """Nearly everything is withheld, each for its own reason."""
    return StudyReport(
        title="A dry run",
        created="2026-11-24",
        versions=(Version("Privet", "0.1.0"), Version("Python", "3.11.9")),
        verdict=Verdict("ok", "Nothing was released."),
        dataset=DatasetView(
            "patients", Withheld("reason-rows"), "person", "one person exchanged for another", 5, "ward 3"
        ),
        budget=BudgetView("ward", 1.0, 0.0, 0.0, 0.0, "basic composition", Withheld("reason-joint"), ()),
        risk=Withheld("reason-risk"),
        comparison=Withheld("reason-comparison"),
        identifiers=Withheld("reason-identifiers"),
        reidentification=Withheld("reason-reidentification"),
        attacks=Withheld("reason-attacks"),
        federated=Withheld("reason-federated"),
        certificate=(CertificateLine("Sampler", Withheld("reason-sampler")),),
        limits=(),
        steps=(),
    )
