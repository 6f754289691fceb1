"""An entry in the forms of other registers: the Dutch schema 1.0.0 (MinBZK) and the British ATRS 3.

The Dutch schema fixes `language` to `nld`, and `status`, `publication_category` and `theme` to Dutch words: they are mapped here, while
the texts stay in the language asked for; that they fit its lengths is held when an entry is read (`algorithms.py`). What neither form
has a field for (live figures) goes along under a name of its own in ATRS, and into `source_link` in the Dutch form, which takes no others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urljoin

from sild.decisions.algorithms import AlgorithmEntry, Assessment
from sild.decisions.figures import Figures

__all__ = ["atrs_json", "minbzk_json"]

STATUS = {"in_development": "In ontwikkeling", "in_use": "In gebruik", "out_of_use": "Buiten gebruik"}
CATEGORY = {
    "high_risk": "Hoog-risico AI-systeem (Categorie A)",
    "impactful": "Impactvolle algoritmes (Categorie B)",
    "other": "Overige algoritmes (Categorie C)",
}
THEME = {
    "administration": "Organisatie en bedrijfsvoering",
    "culture": "Cultuur en recreatie",
    "economy": "Economie",
    "finance": "Overheidsfinanciën",
    "housing": "Wonen",
    "international": "Internationaal",
    "migration": "Migratie en integratie",
    "environment": "Natuur en milieu",
    "education": "Onderwijs en wetenschap",
    "safety": "Openbare orde en veiligheid",
    "law": "Recht",
    "space": "Ruimte en infrastructuur",
    "social_security": "Sociale zekerheid",
    "traffic": "Verkeer",
    "work": "Werk",
    "health": "Zorg en gezondheid",
}
PHASE = {"in_development": "Pre-deployment", "in_use": "Production", "out_of_use": "Retired"}


def minbzk_json(entry: AlgorithmEntry, language: str, *, base: str) -> dict[str, Any]:
    """MinBZK/Algoritmeregister schema.json 1.0.0. base: URL of the portal, where our own entry with its live figures is."""

    def link(path: str | None) -> str | None:
        return None if path is None else urljoin(f"{base}/", path)

    made = [
        name
        for name, one in (
            ("Data Protection Impact Assessment (DPIA)", entry.dpia),
            ("Fundamental Rights Impact Assessment (FRIA)", entry.fria),
        )
        if one.made != "none"
    ]
    said = {
        "name": entry.name.in_language(language),
        "description_short": entry.description_short.in_language(language),
        "organization": entry.organization.in_language(language),
        "theme": [THEME[one] for one in entry.theme],
        "status": STATUS[entry.status],
        "start_date": entry.start_date,
        "end_date": entry.end_date,
        "contact": entry.contact,
        "publication_category": CATEGORY[entry.publication_category],
        "link": link(entry.link),
        "source_link": link(f"/algorithms/{entry.id}"),
        "purpose_and_impact": entry.purpose_and_impact.in_language(language),
        "considerations": entry.considerations.in_language(language),
        "human_intervention": entry.human_intervention.in_language(language),
        "risk_management": entry.risk_management.in_language(language),
        "legal_basis": "; ".join(f"{law.title}, {law.article}" for law in entry.legal_basis),
        "legal_basis_title": entry.legal_basis[0].title,
        "legal_basis_link": entry.legal_basis[0].link,
        "processing_register_link": link(entry.processing_register_link),
        "impact_assessments": ", ".join(made) or "Geen",
        "impact_assessment_link": link(entry.dpia.link or entry.fria.link),
        "impact_assessment_explanation": " ".join(
            f"{name}: {_assessed(one, language)}"
            for name, one in (("DPIA", entry.dpia), ("FRIA", entry.fria))
        ),
        "data": entry.data.in_language(language),
        "technical_operation": entry.technical_operation.in_language(language),
        "supplier": entry.supplier.in_language(language),
        "source_code_link": link(entry.source_code_link),
        "source_id": entry.id,
        "search_terms": ", ".join(entry.search_terms) or None,
        "language": "nld",
        "schema": "1.0.0",
    }
    return {name: value for name, value in said.items() if value is not None}


def atrs_json(
    entry: AlgorithmEntry,
    language: str,
    *,
    figures: Figures | None = None,
    egress: Mapping[str, int] | None = None,
    specimens: Sequence[Mapping[str, Any]] = (),
    model: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """ATRS 3.0: tier 1, the five sections of tier 2, and as `live` the figures.

    egress: askings that left for a provider, by class of data; None: not known now.  specimens: made-up facts and what the rules make of them.
    model: drift and fairness of the entry's own model, as they are now.
    """

    def text(words: Any) -> str:
        return str(words.in_language(language))

    return {
        "standard_version": "3.0",
        "metadata": {
            "id": entry.id,
            "version": entry.version,
            "language": language,
            "phase": PHASE[entry.status],
        },
        "tier_1": {
            "name": text(entry.name),
            "description": text(entry.description_short),
            "website_url": entry.link,
            "contact_email": entry.contact,
        },
        "tier_2": {
            "owner_and_responsibility": {
                "organisation_or_department": text(entry.organization),
                "team": text(entry.owner.team),
                "senior_responsible_owner": text(entry.owner.responsible),
                "external_supplier": text(entry.supplier),
                "supplier_data_access_terms": text(entry.owner.supplier_access),
                "legal_basis": [law.model_dump() for law in entry.legal_basis],
            },
            "description_and_rationale": {
                "detailed_description": text(entry.technical_operation),
                "scope": text(entry.purpose_and_impact),
                "benefits_and_justification": text(entry.considerations),
            },
            "decision_making_process": {
                "human_decisions_and_review": text(entry.human_intervention),
                "appeals_and_review": text(entry.appeals),
                "rights_of_the_person": text(entry.rights),
                "oversight": text(entry.oversight),
            },
            "tool_specification_and_data": {
                "kind": entry.kind,
                "rule_packages": list(entry.packages),
                "models": [one.model_dump() for one in entry.models],
                "source_code_link": entry.source_code_link,
                "data_description": text(entry.data),
                "specimens": [dict(one) for one in specimens],
                "datasets": [
                    {
                        "name": text(one.name),
                        "register": one.register_,
                        "class": one.data_class,
                        "purpose": text(one.purpose),
                    }
                    for one in entry.datasets
                ],
            },
            "risks_mitigations_and_impact_assessments": {
                "risks_and_mitigations": text(entry.risk_management),
                "dpia": _assessed(entry.dpia, language),
                "fria": _assessed(entry.fria, language),
                "ai_act": entry.ai_act.model_dump(exclude_none=True),
            },
        },
        "live": None if figures is None else {**figures.to_json(), "egress": egress and dict(egress)},
        **({} if model is None else {"live_model": dict(model)}),
    }


def _assessed(assessment: Assessment, language: str) -> str:
    made = "" if assessment.made == "none" else f"{assessment.made}. "
    return made + assessment.summary.in_language(language)
