"""Elements that stand in several messages: who asks and gives, whose evidence it is, which kind of it."""

from __future__ import annotations

import re

from sild.oots.model import Agent, EvidenceType, Subject
from sild.oots.regrep import NS, Read, Written, day, one, refuse, sub, text_of, texts, texts_of, unique

__all__ = [
    "read_agent",
    "read_evidence_type",
    "read_subject",
    "write_agent",
    "write_evidence_type",
    "write_subject",
]

EIDAS = re.compile(r"[A-Z]{2}/[A-Z]{2}/[A-Za-z0-9+/=_.-]{1,100}", re.ASCII)
SCHEMES = ("urn:cef.eu:names:identifier:EAS:", "urn:oasis:names:tc:ebcore:partyid-type:unregistered")
LEVELS = ("Low", "Substantial", "High")
REPOSITORY = "https://sr.oots.tech.ec.europa.eu/"
CLASSIFICATION = re.compile(
    re.escape(REPOSITORY) + r"evidencetypeclassifications/[A-Z]{2}/[0-9a-f-]{36}", re.ASCII
)
FORMATS = ("application/pdf", "application/xml", "application/json", "image/jpeg", "image/png")


def write_agent(parent: Written, agent: Agent, classification: str | None = None) -> None:
    """classification: `ER`, `EP`, `ERRP`; then with the address."""
    made = sub(parent, "sdg:Agent")
    sub(made, "sdg:Identifier", agent.identifier, schemeID=agent.scheme)
    texts(made, "sdg:Name", agent.name)
    if classification is None:
        return
    if agent.country is not None:
        sub(sub(made, "sdg:Address"), "sdg:AdminUnitLevel1", agent.country)
    sub(made, "sdg:Classification", classification)


def read_agent(parent: Read, rule: str, classification: str | None = None) -> Agent:
    """Of several, the one with the classification (an intermediary platform stands beside it). Raises PeerError."""
    found = parent.findall(".//sdg:Agent", NS)[:10]
    if classification is not None and len(found) > 1:
        found = [each for each in found if each.findtext("sdg:Classification", "", NS) == classification]
    if len(found) != 1:
        raise refuse(rule, "one sdg:Agent")
    agent = found[0]
    scheme = one(agent, "sdg:Identifier", rule).get("schemeID", "")
    if not scheme.startswith(SCHEMES):
        raise refuse(rule, "the identifier's schemeID is of EAS, or unregistered")
    if classification is not None and agent.findtext("sdg:Classification", "", NS).strip() != classification:
        raise refuse(rule, f"the classification is {classification}")
    country = agent.findtext("sdg:Address/sdg:AdminUnitLevel1", "", NS).strip()[:2] or None
    names = texts_of(agent, "sdg:Name")
    if not names:
        raise refuse(rule, "an agent has a name")
    return Agent(text_of(agent, "sdg:Identifier", rule), scheme[:300], names, country)


def write_subject(parent: Written, name: str, subject: Subject) -> None:
    made = sub(parent, name)
    if subject.level is not None:
        sub(made, "sdg:LevelOfAssurance", subject.level)
    sub(made, "sdg:Identifier", subject.identifier, schemeID="eidas")
    sub(made, "sdg:FamilyName", subject.family_name)
    sub(made, "sdg:GivenName", subject.given_name)
    sub(made, "sdg:DateOfBirth", subject.born.isoformat())


def read_subject(found: Read, rule: str, *, with_level: bool) -> Subject:
    identifier = text_of(found, "sdg:Identifier", rule)
    if one(found, "sdg:Identifier", rule).get("schemeID") != "eidas" or not EIDAS.fullmatch(identifier):
        raise refuse(rule, "the identifier is XX/YY/..., of the scheme eidas")
    level = text_of(found, "sdg:LevelOfAssurance", rule) if with_level else None
    if level is not None and level not in LEVELS:
        raise refuse(rule, "the level of assurance is Low, Substantial or High")
    return Subject(
        identifier,
        text_of(found, "sdg:FamilyName", rule),
        text_of(found, "sdg:GivenName", rule),
        day(text_of(found, "sdg:DateOfBirth", rule), rule),
        level,
    )


def write_evidence_type(parent: Written, wanted: EvidenceType) -> None:
    made = sub(parent, "sdg:DataServiceEvidenceType")
    sub(made, "sdg:Identifier", wanted.identifier)
    sub(made, "sdg:EvidenceTypeClassification", wanted.classification)
    texts(made, "sdg:Title", wanted.title)
    texts(made, "sdg:Description", wanted.description)
    distributed = sub(made, "sdg:DistributedAs")
    sub(distributed, "sdg:Format", wanted.format)
    if wanted.conforms_to is not None:
        sub(distributed, "sdg:ConformsTo", wanted.conforms_to)


def read_evidence_type(found: Read) -> EvidenceType:
    classification = text_of(found, "sdg:EvidenceTypeClassification", "R-EDM-REQ-C027")
    if not CLASSIFICATION.fullmatch(classification):
        raise refuse("R-EDM-REQ-C027", "the classification is a URL of the semantic repository")
    distributed = one(found, "sdg:DistributedAs", "R-EDM-REQ-C032")
    said = distributed.findtext("sdg:ConformsTo", None, NS)
    if said is not None and not said.strip().startswith(f"{REPOSITORY}distributions/"):
        raise refuse("R-EDM-REQ-C034", "ConformsTo is a URL of the semantic repository")
    return EvidenceType(
        unique(found.findtext("sdg:Identifier", None, NS), "R-EDM-REQ-C026"),
        classification,
        texts_of(found, "sdg:Title"),
        known_format(text_of(distributed, "sdg:Format", "R-EDM-REQ-C033")),
        texts_of(found, "sdg:Description"),
        None if said is None else said.strip()[:300],
    )


def known_format(said: str) -> str:
    """Code list OOTSMediaTypes. Raises PeerError."""
    if said not in FORMATS:
        raise refuse("R-EDM-REQ-C033", f"the format is one of {', '.join(FORMATS)}")
    return said


__all__ += ["CLASSIFICATION", "REPOSITORY", "known_format"]
