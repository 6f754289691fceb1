"""The Evidence Response and the Error Response as XML: `query:QueryResponse` (OOTS TDD 1.2, chapters 4.5.2 and 4.5.3)."""

from __future__ import annotations

from sild.oots.agents import (
    CLASSIFICATION,
    known_format,
    read_agent,
    read_subject,
    write_agent,
    write_subject,
)
from sild.oots.model import (
    SPECIFICATION,
    Agent,
    EdmException,
    ErrorResponse,
    Evidence,
    EvidenceResponse,
    EvidenceType,
)
from sild.oots.previews import ensure_address
from sild.oots.regrep import (
    NS,
    Read,
    Written,
    day,
    moment,
    one,
    parse,
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

__all__ = ["error_xml", "parse_answer", "response_xml"]

STATUS = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:"
SEVERE = "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error"
PREVIEW = "urn:sr.oots.tech.ec.europa.eu:codes:ErrorSeverity:EDMErrorResponse:PreviewRequired"
SET = "urn:oasis:names:tc:ebxml-regrep:CollectionType:Set"
URN = "urn:uuid:"
HREF = f"{{{NS['xlink']}}}href"
XSI_TYPE = f"{{{NS['xsi']}}}type"
CODES = {each.code: each for each in EdmException}
MOST = 20
"""Documents of a response."""


# --- writing


def response_xml(response: EvidenceResponse) -> bytes:
    made = _answer("Success", response.id, response.request_id)
    slot(made, "IssueDateTime", "DateTime", moment(response.issued))
    provider = slot(made, "EvidenceProvider", "Collection")
    provider.set("collectionType", SET)
    write_agent(sub(provider, "rim:Element", type="rim:AnyValueType"), response.provider, "EP")
    write_agent(slot(made, "EvidenceRequester", "Any"), response.requester)
    listed = sub(made, "rim:RegistryObjectList")
    for each in response.evidence:
        held = sub(listed, "rim:RegistryObject", type="rim:ExtrinsicObjectType", id=f"{URN}{each.id}")
        _write_evidence(slot(held, "EvidenceMetadata", "Any"), each)
        sub(held, "rim:RepositoryItemRef").attrib.update(
            {HREF: f"cid:{each.content}", f"{{{NS['xlink']}}}title": "Evidence"}
        )
    return rendered(made)


def error_xml(error: ErrorResponse) -> bytes:
    made = _answer("Failure", error.id, error.request_id)
    write_agent(slot(made, "ErrorProvider", "Any"), error.provider, "ERRP")
    write_agent(slot(made, "EvidenceRequester", "Any"), error.requester)
    said = {
        "severity": SEVERE if error.preview_location is None else PREVIEW,
        "message": error.exception.message,
        "code": error.exception.code,
    }
    if error.detail:
        said["detail"] = error.detail
    raised = sub(made, "rs:Exception", type=error.exception.type, **said)
    slot(raised, "Timestamp", "DateTime", moment(error.issued))
    if error.preview_location is not None:
        slot(raised, "PreviewLocation", "String", error.preview_location)
        if error.preview_description:
            words = sub(slot(raised, "PreviewDescription", "InternationalString"), "rim:Value")
            for language, text in error.preview_description.items():
                sub(words, "rim:LocalizedString", lang_=language.upper(), value=text)
        slot(raised, "PreviewMethod", "String", "GET")
    return rendered(made)


def _answer(status: str, answer_id: str, request_id: str) -> Written:
    made = root("query:QueryResponse", status=f"{STATUS}{status}", requestId=request_id)
    slot(made, "SpecificationIdentifier", "String", SPECIFICATION)
    slot(made, "EvidenceResponseIdentifier", "String", answer_id)
    return made


def _write_evidence(parent: Written, evidence: Evidence) -> None:
    made, kind = sub(parent, "sdg:Evidence"), evidence.evidence_type
    sub(made, "sdg:Identifier", evidence.id)
    write_subject(sub(made, "sdg:IsAbout"), "sdg:NaturalPerson", evidence.about)
    issuer = sub(made, "sdg:IssuingAuthority")
    sub(issuer, "sdg:Identifier", evidence.authority.identifier, schemeID=evidence.authority.scheme)
    texts(issuer, "sdg:Name", evidence.authority.name)
    conformant = sub(made, "sdg:IsConformantTo")
    sub(conformant, "sdg:EvidenceTypeClassification", kind.classification)
    texts(conformant, "sdg:Title", kind.title)
    texts(conformant, "sdg:Description", kind.description)
    sub(made, "sdg:IssuingDate", evidence.issued.isoformat())
    distributed = sub(made, "sdg:Distribution")
    sub(distributed, "sdg:Format", kind.format)
    sub(distributed, "sdg:Language", evidence.language.upper())
    if kind.conforms_to is not None:
        sub(distributed, "sdg:ConformsTo", kind.conforms_to)


# --- reading


def parse_answer(xml: bytes, *, request_id: str) -> EvidenceResponse | ErrorResponse:
    """What came back to our request. Raises PeerError (`invalid_evidence_message`) with the `rule` it breaks, or if it answers another."""
    found = parse(xml)
    if found.tag != f"{{{NS['query']}}}QueryResponse":
        raise refuse("R-EDM-RESP-S001", "the root is query:QueryResponse")
    said = text_of(value(found, "SpecificationIdentifier", "String", "R-EDM-RESP-S017"), "rim:Value", "R-EDM-RESP-S009")  # fmt: skip
    if said != SPECIFICATION:
        raise refuse("R-EDM-RESP-C002", f"the specification is {SPECIFICATION}")
    if unique(found.get("requestId"), "R-EDM-RESP-S003", URN) != request_id:
        raise refuse("TDD 4.5.2", "this answers another request")
    answer_id = unique(
        text_of(
            value(found, "EvidenceResponseIdentifier", "String", "R-EDM-RESP-S018"),
            "rim:Value",
            "R-EDM-RESP-S010",
        ),
        "R-EDM-RESP-C003",
    )
    match found.get("status", "").removeprefix(STATUS):
        case "Success":
            return _response(found, answer_id, request_id)
        case "Failure":
            return _error(found, answer_id, request_id)
    raise refuse("R-EDM-RESP-S006", "the status is Success or Failure; evidence of later is not supported")


def _response(found: Read, answer_id: str, request_id: str) -> EvidenceResponse:
    if found.findall("rs:Exception", NS):
        raise refuse("R-EDM-RESP-S007", "a response that succeeded has no exception")
    objects = found.findall("rim:RegistryObjectList/rim:RegistryObject", NS)
    if not 1 <= len(objects) <= MOST:
        raise refuse("R-EDM-RESP-S008", f"from one to {MOST} pieces of evidence")
    rule = "R-EDM-RESP-S020"
    return EvidenceResponse(
        answer_id,
        request_id,
        read_moment(value(found, "IssueDateTime", "DateTime", "R-EDM-RESP-S019"), "R-EDM-RESP-C004"),
        read_agent(_held(found, "EvidenceProvider", "Collection", rule), "R-EDM-RESP-S025", "EP"),
        read_agent(_held(found, "EvidenceRequester", "Any", "R-EDM-RESP-S022"), "R-EDM-RESP-S027"),
        tuple(_evidence(each) for each in objects),
    )


def _held(found: Read, name: str, kind: str, rule: str) -> Read:
    held = value(found, name, kind, rule)
    if held is None:
        raise refuse(rule, f"{name} is missing")
    return held


def _evidence(found: Read) -> Evidence:
    held = one(_held(found, "EvidenceMetadata", "Any", "R-EDM-RESP-S024"), "sdg:Evidence", "R-EDM-RESP-S029")
    issuer = one(held, "sdg:IssuingAuthority", "R-EDM-RESP-C038")
    conformant = one(held, "sdg:IsConformantTo", "R-EDM-RESP-S030")
    classification = text_of(conformant, "sdg:EvidenceTypeClassification", "R-EDM-RESP-C017")
    if not CLASSIFICATION.fullmatch(classification):
        raise refuse("R-EDM-RESP-C017", "the classification is a URL of the semantic repository")
    distributed = one(held, "sdg:Distribution", "R-EDM-RESP-C023")
    conforms = distributed.findtext("sdg:ConformsTo", None, NS)
    evidence_id = unique(text_of(held, "sdg:Identifier", "R-EDM-RESP-C015"), "R-EDM-RESP-C015")
    return Evidence(
        evidence_id,
        read_subject(
            one(held, "sdg:IsAbout/sdg:NaturalPerson", "R-EDM-RESP-C027"), "R-EDM-RESP-C028", with_level=False
        ),
        _issuer(issuer),
        EvidenceType(
            evidence_id,
            classification,
            texts_of(conformant, "sdg:Title"),
            known_format(text_of(distributed, "sdg:Format", "R-EDM-RESP-C023")),
            texts_of(conformant, "sdg:Description"),
            None if conforms is None else conforms.strip()[:300],
        ),
        day(text_of(held, "sdg:IssuingDate", "R-EDM-RESP-C022"), "R-EDM-RESP-C022"),
        _content(found),
        distributed.findtext("sdg:Language", "en", NS).strip().lower()[:2],
    )


def _issuer(found: Read) -> Agent:
    scheme = one(found, "sdg:Identifier", "R-EDM-RESP-C038").get("schemeID", "")
    names = texts_of(found, "sdg:Name")
    if not scheme or not names:
        raise refuse("R-EDM-RESP-C038", "whoever issued it has an identifier with its scheme, and a name")
    return Agent(text_of(found, "sdg:Identifier", "R-EDM-RESP-C038"), scheme[:300], names)


def _content(found: Read) -> str:
    href = one(found, "rim:RepositoryItemRef", "R-EDM-RESP-S037").get(HREF, "")
    if not href.startswith("cid:") or "@" not in href or len(href) > 300:
        raise refuse("R-EDM-RESP-C042", "the document is named cid:...@...")
    return href[4:]


def _error(found: Read, answer_id: str, request_id: str) -> ErrorResponse:
    if found.findall("rim:RegistryObjectList", NS):
        raise refuse("R-EDM-ERR-S007", "an error has no evidence with it")
    raised = one(found, "rs:Exception", "R-EDM-ERR-S008")
    exception = CODES.get(raised.get("code", ""))
    if exception is None:
        raise refuse("R-EDM-ERR-C017", "the code is of the list EDMErrorCodes")
    if raised.get(XSI_TYPE, "").rpartition(":")[2] != exception.type.rpartition(":")[2]:
        raise refuse("R-EDM-ERR-C013", f"{exception.code} is of {exception.type}")
    location = value(raised, "PreviewLocation", "String", "R-EDM-ERR-S023")
    is_preview = raised.get("severity") == PREVIEW
    if is_preview != (location is not None) or (is_preview and exception is not EdmException.AUTHORIZATION):
        raise refuse("R-EDM-ERR-C022", "a preview has its severity, its address and EDM:ERR:0002 together")
    method = value(raised, "PreviewMethod", "String", "R-EDM-ERR-S025")
    if method is not None and text_of(method, "rim:Value", "R-EDM-ERR-C021") != "GET":
        raise refuse("R-EDM-ERR-C021", "the preview is reached by GET")
    words = value(raised, "PreviewDescription", "InternationalString", "R-EDM-ERR-S024")
    return ErrorResponse(
        answer_id,
        request_id,
        read_moment(value(raised, "Timestamp", "DateTime", "R-EDM-ERR-S022"), "R-EDM-ERR-S012"),
        read_agent(_held(found, "ErrorProvider", "Any", "R-EDM-ERR-S020"), "R-EDM-ERR-C008", "ERRP"),
        read_agent(_held(found, "EvidenceRequester", "Any", "R-EDM-ERR-S021"), "R-EDM-ERR-S011"),
        exception,
        (raised.get("detail") or "")[:500],
        None if location is None else ensure_address(text_of(location, "rim:Value", "R-EDM-ERR-C019"), "R-EDM-ERR-C019"),
        {} if words is None else _words(words),
    )  # fmt: skip


def _words(held: Read) -> dict[str, str]:
    lang = "{http://www.w3.org/XML/1998/namespace}lang"
    return {
        (each.get(lang) or "en").lower()[:2]: (each.get("value") or "")[:500]
        for each in held.findall("rim:Value/rim:LocalizedString", NS)[:50]
    }
