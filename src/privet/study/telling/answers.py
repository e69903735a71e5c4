"""The certificate: what NIST SP 800-226 says that a claim of differential privacy must state."""

from __future__ import annotations

from importlib.metadata import version

from privet._version import __version__
from privet.ledger.claims import State
from privet.ledger.ledger import spent_of
from privet.study.report.model import CertificateLine, Withheld
from privet.study.report.words import delta as chance
from privet.study.report.words import loss
from privet.study.steps import AUDIT, FEDERATED, TITLES
from privet.study.telling.attacks import attacks
from privet.study.telling.finished import Finished


def certificate(study: Finished) -> tuple[CertificateLine, ...]:
    """An answer to each question of the certificate, in its order."""
    spec = study.planned.spec
    unit, relation = spec.data.privacy_unit(), spec.budget.relation
    answers: dict[str, str | Withheld] = {
        "Guarantee": _guarantee(study),
        "Privacy unit": unit.describe(),
        "Neighbouring relation": f"{relation.value}: {relation.describe(unit.name)}",
        "Contribution bound": _contribution(study),
        "Trust model": _trust(study),
        "What is released": _released(study),
        "Charges composed": _charges(study),
        "Cost of tuning": "none: every setting is in the study file, fixed before any data were opened",
        "Sampler": "none: every step of training uses every row, so no subsampling is claimed",
        "Accountant and version": _accountant(study),
        "Noise and floating point": _noise(study),
        "Public data used": _public(study),
        "Audit results": _audited(study),
    }
    return tuple(CertificateLine(question, answer) for question, answer in answers.items())


def _guarantee(study: Finished) -> str:
    spent = spent_of(study.balance)
    text = f"{loss(spent.epsilon)} at δ = {chance(spent.delta)} for everything with a guarantee on this account"
    if spent.unbounded:
        text += f"; {spent.unbounded} of its releases have no guarantee (see the list of charges)"
    return text


def _contribution(study: Finished) -> str:
    unit = study.planned.spec.data.privacy_unit()
    if unit.column is None:
        return f"1 row for each {unit.name}; a person with several rows is protected less, row by row"
    return f"at most {unit.max_rows} rows for each {unit.name}; more are left out when the data are opened"


def _trust(study: Finished) -> str:
    text = study.balance.spec.trust_model
    if study.planned.federated is not None:
        text += "; across sites, each site trusts itself alone and adds its noise before anything leaves"
    return text


def _released(study: Finished) -> str:
    titles = [TITLES[step.name] for step in study.planned.charged()]
    return "; ".join(titles)


def _charges(study: Finished) -> str:
    claims = study.claims
    earlier = sum(claim.study != study.record.study for claim in claims)
    lost = sum(claim.state is State.FORFEITED for claim in claims)
    return f"{len(claims)} charges: {earlier} from other work, {lost} forfeited and still counted"


def _accountant(study: Finished) -> str:
    return (
        f"privet {__version__} (privacy loss distributions, Gaussian DP, Rényi orders) over dp-accounting "
        f"{version('dp-accounting')}; guarded by {spent_of(study.balance).guard}"
    )


def _noise(study: Finished) -> str:
    classes = sorted({claim.noise_class for claim in study.claims if claim.noise_class})
    return (
        f"{', '.join(classes) or 'no noise was drawn'}. Counts carry exact integer noise; training adds floating-point "
        "Gaussian noise, whose tails are described with its proof and are no part of an exact guarantee"
    )


def _public(study: Finished) -> str:
    spec = study.planned.spec
    return (
        f"the bounds of {len(spec.data.columns)} columns, the expected number of units ({spec.data.expected_units:,}) "
        f"and the threshold {spec.train.positive_above:g}, all stated in the study file and not read from the data"
    )


def _audited(study: Finished) -> str | Withheld:
    found = attacks(study)
    if isinstance(found, Withheld):
        return found
    proved = [view.epsilon_at_least for view in found if view.covered and isinstance(view.epsilon_at_least, float)]
    ceilings = [view.ceiling for view in found if view.covered and isinstance(view.ceiling, float)]
    names = ", ".join(sorted({view.attack for view in found}))
    paid = "paid for" if not isinstance(study.result(AUDIT), Withheld) else "laboratory only"
    models = len({view.target for view in found})
    return (
        f"{names} ({paid}) on {models} models: no more than ε = {max(proved, default=0):.2f} proved where a guarantee "
        f"holds; at most {max(ceilings, default=0):.2f} could have been"
    )


def limits(study: Finished) -> tuple[str, ...]:
    """What the guarantee does not say, in honest sentences."""
    spec = study.planned.spec
    unit = spec.data.privacy_unit()
    found = []
    if unit.column is None:
        found.append(
            f"The guarantee protects one {unit.name}. Nothing in the data tells which rows belong to one person, so "
            "somebody with several rows is protected less: the loss adds up over them."
        )
    if spec.protect is not None:
        found.append(
            "A de-identified table carries no guarantee: what others know and will know can undo it. Its figures of "
            "risk count only the columns that the study names as known to others."
        )
    if spec.audit is not None:
        found.append("An attack that fails proves nothing about attacks that nobody tried.")
    if study.planned.models() and FEDERATED in study.planned.models():
        found.append("The sites were simulated in one process; the messages were those of separate sites.")
    found.append(
        "The noise of training is floating-point; the guarantee is that of real-valued Gaussian noise, and the "
        "distance between the two is bounded only in part."
    )
    return tuple(found)
