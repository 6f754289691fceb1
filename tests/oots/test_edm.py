"""The exchange data model, written and read: what was written is read the same, and what breaks a rule is refused by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from lxml import etree

from sild.errors import CallerError, PeerError
from sild.oots import (
    Agent,
    EdmException,
    ErrorResponse,
    Evidence,
    EvidenceRequest,
    EvidenceResponse,
    EvidenceType,
    Requirement,
    Subject,
    error_xml,
    package_media_type,
    parse_answer,
    parse_request,
    preview_address,
    read_package,
    request_xml,
    response_xml,
    return_address,
    write_package,
)
from sild.oots.previews import origin_of
from sild.oots.regrep import NS

AT = datetime(2026, 3, 2, 9, 30, 15, 250_000, tzinfo=UTC)
ID = "urn:uuid:4ffb5281-179d-4578-adf2-39fd13ccc797"
ANSWER = "166155eb-d7a7-4cac-9086-8a85f0116462"
REPOSITORY = "https://sr.oots.tech.ec.europa.eu"
KIND = EvidenceType(
    "7dddca84-477d-594e-baa4-742a44ea1d81",
    f"{REPOSITORY}/evidencetypeclassifications/VN/7dddca84-477d-594e-baa4-742a44ea1d81",
    {"en": "Extract about a birth", "vi": "Trích lục khai sinh"},
    "application/pdf",
    {"en": "Sealed"},
)
PORTAL = Agent("70000001", "urn:oasis:names:tc:ebcore:partyid-type:unregistered:EE", {"en": "Portal"}, "EE")
REGISTER = Agent(
    "70000052", "urn:cef.eu:names:identifier:EAS:9930", {"en": "Register", "vi": "Sổ hộ tịch"}, "VN"
)
MAI = Subject("VN/VN/001190000017", "Nguyễn", "Thị Mai & <Ánh>", date(1990, 2, 1), "High")
REQUEST = EvidenceRequest(
    id=ID,
    issued=AT,
    procedure="R1",
    explicitly_requested=True,
    can_preview=True,
    requirements=(
        Requirement(
            f"{REPOSITORY}/requirements/315cfd75-6605-49c4-b0fe-799833b41099", {"en": "Proof of birth"}
        ),
    ),
    requester=PORTAL,
    provider=replace(REGISTER, country=None),
    subject=MAI,
    evidence_type=KIND,
    language="vi",
)
EVIDENCE = Evidence(ANSWER, replace(MAI, level=None), replace(REGISTER, country=None), replace(KIND, identifier=ANSWER), date(2026, 3, 2), "doc-1@sild", "vi")  # fmt: skip
RESPONSE = EvidenceResponse(ANSWER, ID, AT, REGISTER, replace(PORTAL, country=None), (EVIDENCE,))
ERROR = ErrorResponse(
    ANSWER, ID, AT, REGISTER, replace(PORTAL, country=None), EdmException.OBJECT_NOT_FOUND, "nobody"
)
PREVIEW = replace(
    ERROR,
    exception=EdmException.AUTHORIZATION,
    detail="",
    preview_location="https://portal.example/preview/abc?x=1",
    preview_description={"en": "Look first", "vi": "Xem trước"},
)


def test_what_is_written_is_read_the_same() -> None:
    second = replace(REQUEST, preview_location="https://portal.example/preview/abc")
    for request in (REQUEST, second):
        assert parse_request(request_xml(request)) == request
    assert parse_answer(response_xml(RESPONSE), request_id=ID) == RESPONSE
    for error in (ERROR, PREVIEW):
        assert parse_answer(error_xml(error), request_id=ID) == error
    assert (MAI.code, MAI.asked_of) == ("VN001190000017", "VN")


def test_every_exception_has_its_code_and_type() -> None:
    for exception in EdmException:
        error = replace(ERROR, exception=exception)
        assert parse_answer(error_xml(error), request_id=ID) == error
    assert [each.code for each in EdmException] == [f"EDM:ERR:000{number}" for number in range(1, 9)]


Change = Callable[[etree._Element], object]


def slot(root: etree._Element, name: str) -> etree._Element:
    (found,) = root.xpath(f"//rim:Slot[@name='{name}']", namespaces=NS)
    return found


def drop(name: str) -> Change:
    return lambda root: (found := slot(root, name)).getparent().remove(found)


def say(path: str, words: str) -> Change:
    return lambda root: setattr(root.xpath(path, namespaces=NS)[0], "text", words)


def put(path: str, name: str, words: str) -> Change:
    return lambda root: root.xpath(path, namespaces=NS)[0].set(name, words)


def retype(name: str) -> Change:
    return lambda root: slot(root, name)[0].set(f"{{{NS['xsi']}}}type", "rim:IntegerValueType")


def doubled(name: str) -> Change:
    from copy import deepcopy

    return lambda root: (found := slot(root, name)).getparent().append(deepcopy(found))


def changed(xml: bytes, change: Change) -> bytes:
    root = etree.fromstring(xml)
    change(root)
    return etree.tostring(root)


VALUE = "//rim:Slot[@name='{}']/rim:SlotValue/rim:Value".format
REQUEST_RULES: list[tuple[str, Change]] = [
    ("S001", lambda root: setattr(root, "tag", f"{{{NS['query']}}}QueryResponse")),
    ("S004", put("/*", "id", "4ffb5281-179d-4578-adf2-39fd13ccc797")),
    ("S005", drop("SpecificationIdentifier")),
    ("C001", say(VALUE("SpecificationIdentifier"), "oots-edm:v1.0")),
    ("C002", drop("IssueDateTime")),
    ("C002", say(VALUE("IssueDateTime"), "yesterday")),
    ("S007", drop("Procedure")),
    ("S009", drop("PossibilityForPreview")),
    ("S009", say(VALUE("PossibilityForPreview"), "yes")),
    ("S010", drop("ExplicitRequestGiven")),
    ("S011", drop("Requirements")),
    ("S012", drop("EvidenceRequester")),
    ("S013", drop("EvidenceProvider")),
    ("S015", drop("EvidenceRequest")),
    ("S016", drop("NaturalPerson")),
    ("S019", put("//rim:Slot[@name='Procedure']", "name", "Purpose")),
    ("S020", retype("SpecificationIdentifier")),
    ("S021", retype("IssueDateTime")),
    ("S022", retype("Procedure")),
    ("S025", retype("ExplicitRequestGiven")),
    ("S025", doubled("ExplicitRequestGiven")),
    ("S026", retype("Requirements")),
    ("S028", retype("EvidenceRequester")),
    ("S030", retype("EvidenceProvider")),
    ("S033", retype("EvidenceRequest")),
    ("S035", retype("NaturalPerson")),
    ("C008", say("//sdg:Requirement/sdg:Identifier", "https://evil.example/requirements/315cfd75-6605-49c4-b0fe-799833b41099")),
    ("C014", say("//sdg:Classification", "EP")),
    ("C014", put("//sdg:Agent[sdg:Classification]/sdg:Identifier", "schemeID", "mine")),
    ("C024", put("//query:ResponseOption", "returnType", "LeafClass")),
    ("C025", put("//query:Query", "queryDefinition", "Everything")),
    ("C026", say("//sdg:DataServiceEvidenceType/sdg:Identifier", "7")),
    ("C027", say("//sdg:EvidenceTypeClassification", "https://evil.example/x")),
    ("C033", say("//sdg:Format", "text/html")),
    ("C036", say("//sdg:LevelOfAssurance", "Highest")),
    ("C036", say("//sdg:Person/sdg:Identifier", "VN001190000017")),
    ("C036", put("//sdg:Person/sdg:Identifier", "schemeID", "own")),
    ("C036", say("//sdg:DateOfBirth", "1990-2-1")),
    ("C036", say("//sdg:FamilyName", " ")),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "change"), REQUEST_RULES)
def test_a_request_that_breaks_a_rule_is_refused_by_its_name(rule: str, change: Change) -> None:
    with pytest.raises(PeerError) as refused:
        parse_request(changed(request_xml(REQUEST), change))
    assert refused.value.code == "invalid_evidence_message"
    assert refused.value.detail["rule"] == f"R-EDM-REQ-{rule}"


HTTP = "http://portal.example/preview"


@pytest.mark.parametrize(
    "location", [HTTP, "javascript:alert(1)", "https://a@evil.example/", "https://", "https:evil", "https://a b/", "https://x\\@y/"]
)  # fmt: skip
def test_nobody_is_sent_to_what_is_no_address(location: str) -> None:
    for bad, read in (
        (request_xml(replace(REQUEST, preview_location=location)), parse_request),
        (
            error_xml(replace(PREVIEW, preview_location=location)),
            lambda xml: parse_answer(xml, request_id=ID),
        ),
    ):
        with pytest.raises(PeerError):
            read(bad)
    assert origin_of(location) is None


ANSWER_RULES: list[tuple[str, object, Change]] = [
    ("R-EDM-RESP-S003", RESPONSE, put("/*", "requestId", "1")),
    ("TDD 4.5.2", RESPONSE, put("/*", "requestId", f"urn:uuid:{ANSWER}")),
    ("R-EDM-RESP-S006", RESPONSE, put("/*", "status", "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Unavailable")),
    ("R-EDM-RESP-C002", RESPONSE, say(VALUE("SpecificationIdentifier"), "oots-edm:v2.0")),
    ("R-EDM-RESP-C003", RESPONSE, say(VALUE("EvidenceResponseIdentifier"), "one")),
    ("R-EDM-RESP-S020", RESPONSE, drop("EvidenceProvider")),
    ("R-EDM-RESP-S022", RESPONSE, drop("EvidenceRequester")),
    ("R-EDM-RESP-S024", RESPONSE, drop("EvidenceMetadata")),
    ("R-EDM-RESP-S008", RESPONSE, lambda root: root[-1].clear()),
    ("R-EDM-RESP-S025", RESPONSE, say("//sdg:Classification", "ER")),
    ("R-EDM-RESP-C015", RESPONSE, say("//sdg:Evidence/sdg:Identifier", "x")),
    ("R-EDM-RESP-C017", RESPONSE, say("//sdg:EvidenceTypeClassification", "x")),
    ("R-EDM-RESP-C022", RESPONSE, say("//sdg:IssuingDate", "2026")),
    ("R-EDM-RESP-C042", RESPONSE, put("//rim:RepositoryItemRef", f"{{{NS['xlink']}}}href", "https://evil.example/a@b")),
    ("R-EDM-ERR-S008", ERROR, lambda root: root.remove(root[-1])),
    ("R-EDM-ERR-S012", ERROR, drop("Timestamp")),
    ("R-EDM-ERR-C017", ERROR, put("//rs:Exception", "code", "EDM:ERR:0009")),
    ("R-EDM-ERR-C013", ERROR, put("//rs:Exception", "code", "EDM:ERR:0005")),
    ("R-EDM-ERR-C022", PREVIEW, drop("PreviewLocation")),
    ("R-EDM-ERR-C022", PREVIEW, put("//rs:Exception", "severity", "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error")),
    ("R-EDM-ERR-C021", PREVIEW, say(VALUE("PreviewMethod"), "POST")),
    ("R-EDM-ERR-C008", ERROR, say("//sdg:Classification", "ER")),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "answer", "change"), ANSWER_RULES)
def test_an_answer_that_breaks_a_rule_is_refused_by_its_name(
    rule: str, answer: object, change: Change
) -> None:
    xml = response_xml(answer) if isinstance(answer, EvidenceResponse) else error_xml(answer)  # type: ignore[arg-type]
    with pytest.raises(PeerError) as refused:
        parse_answer(changed(xml, change), request_id=ID)
    assert refused.value.detail["rule"] == rule


def test_a_failure_brings_no_evidence_and_a_success_no_exception() -> None:
    failed = etree.fromstring(error_xml(ERROR))
    failed.append(etree.fromstring(response_xml(RESPONSE))[-1])
    fine = etree.fromstring(response_xml(RESPONSE))
    fine.append(etree.fromstring(error_xml(ERROR))[-1])
    for mixed in (failed, fine):
        with pytest.raises(PeerError):
            parse_answer(etree.tostring(mixed), request_id=ID)


def test_hostile_xml_is_refused_unread() -> None:
    good = request_xml(REQUEST).decode()
    head, body = good.split("?>", 1)
    for bad in (
        f'{head}?><!DOCTYPE a [<!ENTITY x "y">]>{body}',
        f"{head}?><?php x?>{body}",
        good.replace("<sdg:FamilyName>", "<sdg:FamilyName><![CDATA[x]]>"),
        good[: len(good) // 2],
        "<a>" * 80_000,
        good + " " * 300_000,
    ):
        with pytest.raises(PeerError):
            parse_request(bad.encode())
    for bad in (good.encode("utf-16"), b"", b"\0", b"\xff"):
        with pytest.raises(PeerError):
            parse_request(bad)
    assert parse_request(f"{head}?><!-- as examples have them -->{body}".encode()) == REQUEST


def test_a_response_with_its_documents() -> None:
    pdf = b"%PDF-1.7\r\n\r\n--not-the-line\r\n\x00\xff"
    body = write_package(b"<a/>", {"doc-1@sild": ("application/pdf", pdf)}, "line-1")
    media_type = package_media_type("line-1")
    assert read_package(media_type, body) == (b"<a/>", {"doc-1@sild": pdf})
    assert read_package("application/x-ebrs+xml; charset=utf-8", b"<a/>") == (b"<a/>", {})
    with pytest.raises(ValueError, match="boundary"):
        write_package(b"<a/>", {"x@y": ("application/pdf", b"--line-1")}, "line-1")
    for kind, bad in (
        ("text/html", body),
        ("multipart/related", body),
        (media_type, body[: len(body) // 2]),
        (media_type, body.replace(b"<doc-1@sild>", b"doc")),
        (media_type, body.replace(b"binary", b"base64")),
        (media_type, body.replace(b"application/x-ebrs+xml; charset", b"text/html; charset")),
        (media_type, b"x" + body),
        (package_media_type("other"), body),
        (media_type, b"\r\n--line-1\r\nA: b\r\n\r\n" * 30),
    ):
        with pytest.raises(PeerError):
            read_package(kind, bad)


def test_nobody_is_sent_back_to_a_stranger() -> None:
    """An address of return that is not among those the provider's settings name is an open redirect."""
    known = {"https://portal.ee.example"}
    back = "https://portal.ee.example/evidence/1?state=a&b=c"
    link = preview_address("https://portal.vn.example/preview/abc?x=1#there", back)
    assert link.startswith(
        "https://portal.vn.example/preview/abc?x=1&returnurl=https%3A%2F%2Fportal.ee.example%2F"
    )
    assert return_address(back, "GET", known) == back
    for bad in (
        "https://evil.example/",
        "https://portal.ee.example.evil.example/",
        "https://portal.ee.example@evil.example/",
        "https://portal.ee.example:444/",
        "http://portal.ee.example/",
        "//portal.ee.example/",
        "/evidence",
        "javascript:alert(1)",
        "https://portal.ee.example\\@evil.example/",
        "https://portal.ee.example/\r\nSet-Cookie: a",
        "",
    ):
        with pytest.raises(CallerError):
            return_address(bad, "GET", known)
    with pytest.raises(CallerError):
        return_address(back, "POST", known)
