"""The Evidence Request as XML: `query:QueryRequest` (OOTS TDD 1.2, chapter 4.5.1)."""

from __future__ import annotations

from sild.oots.agents import (
    REPOSITORY,
    read_agent,
    read_evidence_type,
    read_subject,
    write_agent,
    write_evidence_type,
    write_subject,
)
from sild.oots.model import SPECIFICATION, EvidenceRequest, Requirement, Subject
from sild.oots.previews import ensure_address
from sild.oots.regrep import (
    NS,
    Read,
    moment,
    one,
    parse,
    read_boolean,
    read_moment,
    refuse,
    rendered,
    root,
    slot,
    sub,
    text_of,
    texts,
    texts_of,
    unique,
    value,
)

__all__ = ["parse_request", "request_xml"]

RULE = "R-EDM-REQ"
URN = "urn:uuid:"
SET = "urn:oasis:names:tc:ebxml-regrep:CollectionType:Set"
SLOTS = (
    "SpecificationIdentifier", "IssueDateTime", "Procedure", "PreviewLocation", "PossibilityForPreview", "ExplicitRequestGiven",
    "Requirements", "EvidenceRequester", "EvidenceProvider", "EvidenceProviderClassificationValues",
)  # fmt: skip
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def request_xml(request: EvidenceRequest) -> bytes:
    made = root("query:QueryRequest", id=request.id)
    made.set(XML_LANG, request.language.upper())
    slot(made, "SpecificationIdentifier", "String", SPECIFICATION)
    slot(made, "IssueDateTime", "DateTime", moment(request.issued))
    procedure = sub(slot(made, "Procedure", "InternationalString"), "rim:Value")
    sub(procedure, "rim:LocalizedString", lang_="EN", value=request.procedure)
    if request.preview_location is not None:
        slot(made, "PreviewLocation", "String", request.preview_location)
    slot(made, "PossibilityForPreview", "Boolean", str(request.can_preview).lower())
    slot(made, "ExplicitRequestGiven", "Boolean", str(request.explicitly_requested).lower())
    requirements = slot(made, "Requirements", "Collection")
    requirements.set("collectionType", SET)
    for each in request.requirements:
        held = sub(sub(requirements, "rim:Element", type="rim:AnyValueType"), "sdg:Requirement")
        sub(held, "sdg:Identifier", each.identifier)
        texts(held, "sdg:Name", each.name)
    requester = slot(made, "EvidenceRequester", "Collection")
    requester.set("collectionType", SET)
    write_agent(sub(requester, "rim:Element", type="rim:AnyValueType"), request.requester, "ER")
    write_agent(slot(made, "EvidenceProvider", "Any"), request.provider)
    sub(made, "query:ResponseOption", returnType="LeafClassWithRepositoryItem")
    query = sub(made, "query:Query", queryDefinition="DocumentQuery")
    write_subject(slot(query, "NaturalPerson", "Any"), "sdg:Person", request.subject)
    write_evidence_type(slot(query, "EvidenceRequest", "Any"), request.evidence_type)
    return rendered(made)


def parse_request(xml: bytes) -> EvidenceRequest:
    """What a stranger asks. Raises PeerError (`invalid_evidence_message`) with the `rule` that it breaks.

    Of chapter 4.5.1 requests about companies (LegalPerson) and by representatives (AuthorizedRepresentative) are not read.
    """
    found = parse(xml)
    if found.tag != f"{{{NS['query']}}}QueryRequest":
        raise refuse(f"{RULE}-S001", "the root is query:QueryRequest")
    names = [each.get("name") for each in found.findall("rim:Slot", NS)]
    if set(names) - set(SLOTS):
        raise refuse(f"{RULE}-S019", "a request has no other slots")
    query = _query(found)
    location = value(found, "PreviewLocation", "String", f"{RULE}-S023")
    return EvidenceRequest(
        id=unique(found.get("id"), f"{RULE}-S004", URN),
        issued=read_moment(value(found, "IssueDateTime", "DateTime", f"{RULE}-S021"), f"{RULE}-C002"),
        procedure=_procedure(found),
        explicitly_requested=read_boolean(
            value(found, "ExplicitRequestGiven", "Boolean", f"{RULE}-S025"), f"{RULE}-S010"
        ),
        can_preview=read_boolean(
            value(found, "PossibilityForPreview", "Boolean", f"{RULE}-S024"), f"{RULE}-S009"
        ),
        requirements=_requirements(found),
        requester=read_agent(
            _held(found, "EvidenceRequester", "Collection", "S028", "S012"), f"{RULE}-C014", "ER"
        ),
        provider=read_agent(_held(found, "EvidenceProvider", "Any", "S030", "S013"), f"{RULE}-S042"),
        subject=_subject(query),
        evidence_type=read_evidence_type(
            one(_held(query, "EvidenceRequest", "Any", "S033", "S015"), "sdg:DataServiceEvidenceType", f"{RULE}-S044")
        ),
        preview_location=None
        if location is None
        else ensure_address(text_of(location, "rim:Value", f"{RULE}-C005"), f"{RULE}-C005"),
        language=(found.get(XML_LANG) or "en").lower()[:2],
    )  # fmt: skip


def _query(found: Read) -> Read:
    said = value(found, "SpecificationIdentifier", "String", f"{RULE}-S020")
    if text_of(said, "rim:Value", f"{RULE}-S005") != SPECIFICATION:
        raise refuse(f"{RULE}-C001", f"the specification is {SPECIFICATION}")
    option = one(found, "query:ResponseOption", f"{RULE}-C024")
    if option.get("returnType") != "LeafClassWithRepositoryItem":
        raise refuse(f"{RULE}-C024", "the return type is LeafClassWithRepositoryItem")
    query = one(found, "query:Query", f"{RULE}-S014")
    if query.get("queryDefinition") != "DocumentQuery":
        raise refuse(f"{RULE}-C025", "the query is DocumentQuery")
    return query


def _held(found: Read, name: str, kind: str, of_kind: str, missing: str) -> Read:
    held = value(found, name, kind, f"{RULE}-{of_kind}")
    if held is None:
        raise refuse(f"{RULE}-{missing}", f"{name} is missing")
    return held


def _procedure(found: Read) -> str:
    held = _held(found, "Procedure", "InternationalString", "S022", "S007")
    said = one(held, "rim:Value/rim:LocalizedString", f"{RULE}-S022").get("value", "").strip()
    if not said or len(said) > 20:
        raise refuse(f"{RULE}-C003", "the procedure is a code of the list Procedures")
    return said


def _requirements(found: Read) -> tuple[Requirement, ...]:
    held = _held(found, "Requirements", "Collection", "S026", "S011")
    elements = held.findall("rim:Element/sdg:Requirement", NS)[:20]
    if not elements:
        raise refuse(f"{RULE}-S037", "one requirement at least")
    for each in elements:
        said = text_of(each, "sdg:Identifier", f"{RULE}-S038")
        if not said.startswith(f"{REPOSITORY}requirements/"):
            raise refuse(f"{RULE}-C008", "a requirement is a URL of the semantic repository")
        unique(said.rpartition("/")[2], f"{RULE}-C008")
    return tuple(
        Requirement(text_of(each, "sdg:Identifier", f"{RULE}-S038"), texts_of(each, "sdg:Name"))
        for each in elements
    )


def _subject(query: Read) -> Subject:
    held = value(query, "NaturalPerson", "Any", f"{RULE}-S035")
    if held is None:
        raise refuse(f"{RULE}-S016", "about one natural person; companies are not asked about here")
    if value(query, "AuthorizedRepresentative", "Any", f"{RULE}-S036") is not None:
        raise refuse("TDD 4.5.1", "people ask for themselves here; representatives are not supported")
    return read_subject(one(held, "sdg:Person", f"{RULE}-S046"), f"{RULE}-C036", with_level=True)
