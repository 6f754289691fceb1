"""An entry in the forms of other registers: the Dutch schema 1.0.0 (MinBZK) and the British ATRS 3.

The Dutch schema fixes `language` to `nld`, and `status`, `publication_category` and `theme` to Dutch words: they are mapped here, while
the texts stay in the language asked for. What neither form has a field for (live figures) goes along under a name of its own in
ATRS, and into `source_link` in the Dutch form, which takes no others.
"""

from __future__ import annotations

from typing import Any

from sild.decisions.algorithms import AlgorithmEntry, Assessment
from sild.decisions.figures import Figures

__all__ = ["atrs_json", "minbzk_json"]

STATUS = {"in_development": "In ontwikkeling", "in_use": "In gebruik", "out_of_use": "Buiten gebruik"}
CATEGORY = {
    "high_risk": "Hoog-risico AI-systeem",
    "impactful": "Impactvolle algoritmes",
    "other": "Overige algoritmes",
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


def minbzk_json(entry: AlgorithmEntry, language: str, *, source_link: str | None = None) -> dict[str, Any]:
    """MinBZK/Algoritmeregister schema.json 1.0.0. source_link: where our own entry with its live figures is."""
    said = {
        "name": entry.name.in_language(language)[:100],
        "description_short": entry.description_short.in_language(language)[:350],
        "organization": entry.organization.in_language(language)[:100],
        "theme": [THEME[one] for one in entry.theme],
        "status": STATUS[entry.status],
        "start_date": entry.start_date,
        "end_date": entry.end_date,
        "contact": entry.contact,
        "publication_category": CATEGORY[entry.publication_category],
        "link": entry.link,
        "source_link": source_link,
        "purpose_and_impact": entry.purpose_and_impact.in_language(language),
        "considerations": entry.considerations.in_language(language),
        "human_intervention": entry.human_intervention.in_language(language),
        "risk_management": entry.risk_management.in_language(language),
        "legal_basis": "; ".join(f"{law.title}, {law.article}" for law in entry.legal_basis),
        "legal_basis_title": entry.legal_basis[0].title,
        "legal_basis_link": entry.legal_basis[0].link,
        "processing_register_link": entry.processing_register_link,
        "impact_assessments": [
            "Data Protection Impact Assessment (DPIA)",
            "Fundamental Rights Impact Assessment (FRIA)",
        ],
        "impact_assessment_link": entry.dpia.link or entry.fria.link,
        "impact_assessment_explanation": " ".join(
            f"{name}: {_assessed(one, language)}"
            for name, one in (("DPIA", entry.dpia), ("FRIA", entry.fria))
        ),
        "data": entry.data.in_language(language),
        "technical_operation": entry.technical_operation.in_language(language),
        "supplier": entry.supplier.in_language(language),
        "source_code_link": entry.source_code_link,
        "source_id": entry.id,
        "search_terms": ", ".join(entry.search_terms) or None,
        "language": "nld",
        "schema": "1.0.0",
    }
    return {name: value for name, value in said.items() if value is not None}


def atrs_json(entry: AlgorithmEntry, language: str, *, figures: Figures | None = None) -> dict[str, Any]:
    """ATRS 3.0: tier 1, the five sections of tier 2, and the live figures as `live`."""

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
                "source_code_link": entry.source_code_link,
                "data_description": text(entry.data),
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
        "live": None if figures is None else figures.to_json(),
    }


def _assessed(assessment: Assessment, language: str) -> str:
    made = "" if assessment.made == "none" else f"{assessment.made}. "
    return made + assessment.summary.in_language(language)
