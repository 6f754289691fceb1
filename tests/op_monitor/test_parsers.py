"""Whatever stands in a question's body, or in a daemon's answer, is understood or refused; nothing else happens."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from op_monitor.monitor_world import IDENTIFIERS, OM, PRODUCER, data_request, message, soap
from sild.errors import CallerError, PlatformError
from sild.op_monitor.criteria import SearchCriteria, parse_health_filter, parse_search_criteria
from sild.op_monitor.remote import parse_answer
from sild.xroad.identifiers import ClientId
from sild.xroad.soap import SoapMessage, parse_soap

NAMES = st.sampled_from(
    [
        "searchCriteria",
        "recordsFrom",
        "recordsTo",
        "client",
        "outputSpec",
        "outputField",
        "filterCriteria",
        "xRoadInstance",
        "memberClass",
        "memberCode",
        "subsystemCode",
        "other",
    ]
)
PREFIXES = st.sampled_from(["om", "id", "xroad"])
TEXTS = st.sampled_from(
    ["", " 1 ", "-5", "9" * 30, "EE", "monitoringDataTs", "<![CDATA[7]]>", "&lt;", "<!-- 1 -->"]
)


def element(prefix: str, name: str, content: list[str]) -> str:
    return f"<{prefix}:{name}>{''.join(content)}</{prefix}:{name}>"


TREES = st.recursive(
    TEXTS, lambda inner: st.builds(element, PREFIXES, NAMES, st.lists(inner, max_size=4)), max_leaves=15
)


@given(st.lists(TREES, max_size=5))
def test_any_body(content: list[str]) -> None:
    for code, parse in (
        ("getSecurityServerOperationalData", parse_search_criteria),
        ("getSecurityServerHealthData", parse_health_filter),
    ):
        asked = message(soap(code, element("om", code, content)))
        try:
            found = parse(asked)
        except CallerError as error:
            assert error.code == "invalid_request"
            continue
        assert found is None or isinstance(found, SearchCriteria | ClientId)


@given(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-(2**63), 2**63 - 1),
    st.lists(st.sampled_from(["monitoringDataTs", "restPath", "x y"])),
)
def test_what_is_asked_is_what_is_read(first: int, last: int, fields: list[str]) -> None:
    request = message(data_request(first, last, fields=fields, provider=PRODUCER))
    assert parse_search_criteria(request) == SearchCriteria(first, last, PRODUCER, frozenset(fields))


@given(st.binary(max_size=60), st.integers(0, 2_000), st.integers(0, 40))
def test_any_damage_to_a_question(put: bytes, where: int, gone: int) -> None:
    whole = data_request(0, 5, fields=["restPath"], provider=PRODUCER)
    damaged = whole[:where] + put + whole[where + gone :]
    try:
        parsed = parse_soap(damaged)
        if isinstance(parsed, SoapMessage):
            parse_search_criteria(parsed)
    except PlatformError:
        pass


def test_other_namespaces_and_comments() -> None:
    body = (
        f'<getSecurityServerOperationalData xmlns="{OM}"><!-- x --><searchCriteria><recordsFrom> +1\n</recordsFrom>'
        f"<recordsTo>0<!-- 1 -->2</recordsTo><client a='b'><xRoadInstance xmlns='{IDENTIFIERS}'>&#69;E</xRoadInstance>"
        "<id:memberClass>GOV</id:memberClass><id:memberCode>5</id:memberCode><id:subsystemCode/></client>"
        "</searchCriteria><outputSpec/></getSecurityServerOperationalData>"
    )
    found = parse_search_criteria(message(soap("getSecurityServerOperationalData", body)))
    assert found == SearchCriteria(1, 2, ClientId("EE", "GOV", "5"))


ANSWER = (
    b"--x\r\ncontent-type:text/xml\r\n\r\n"
    + soap("a", '<om:a><om:b id:c="d">&amp;</om:b></om:a>')
    + b"\r\n--x\r\n"
    b"content-type:application/gzip\r\n\r\n\x1f\x8b\r\n--x--\r\n"
)


def test_body_of_a_daemons_answer_keeps_its_prefixes() -> None:
    answer = parse_answer("multipart/related; boundary=x", ANSWER)
    assert answer.attachment == b"\x1f\x8b"
    assert answer.body.startswith("<om:a ")
    assert answer.body.endswith('><om:b id:c="d">&amp;</om:b></om:a>')
    assert f'xmlns:om="{OM}"' in answer.body


@given(st.binary(max_size=40), st.integers(0, len(ANSWER)), st.integers(0, 60), st.booleans())
def test_any_damage_to_a_daemons_answer(put: bytes, where: int, gone: int, multipart: bool) -> None:
    damaged = ANSWER[:where] + put + ANSWER[where + gone :]
    try:
        parse_answer("multipart/related; boundary=x" if multipart else "text/xml", damaged)
    except PlatformError:
        pass
