"""What is shown of a document is all of it, in one way; what could be read otherwise than it is signed is not shown."""

from __future__ import annotations

import pytest

from sild.remote_signing.shown import FHIR_JSON, TEXT, shown


def test_plain_text_is_shown_as_it_is() -> None:
    assert shown(TEXT, "Isaduse omaksvõtt\n\n{}") == "Isaduse omaksvõtt\n\n{}"


def test_json_is_shown_value_by_value() -> None:
    said = '{"entry":[{"born":"2026-03-01","n":[1,true,null,[]]},{}],"type":"message"}'
    assert shown(FHIR_JSON, said).split("\n") == [
        "entry:",
        "  1:",
        '    born: "2026-03-01"',
        "    n:",
        "      1: 1",
        "      2: true",
        "      3: null",
        "      4:",
        "  2:",
        'type: "message"',
    ]


@pytest.mark.parametrize(
    "document",
    [
        "",
        "{",
        "{}",
        '{"a":1,"a":2}',  # one is signed, the other shown
        '{"a\\nb":1}',  # a line that is none
        '{"a":"\\u202eb"}',  # written backwards
        '{"a":"e\\u0301"}',  # not composed
        '{"a":"' + "x" * 20_000 + '"}',
        "[" * 30 + "]" * 30,
        "[" * 50_000,
    ],
)
def test_json_that_could_mislead_is_not_shown(document: str) -> None:
    with pytest.raises(ValueError):  # whatever is wrong with it
        shown(FHIR_JSON, document)


def test_other_kinds_are_not_shown() -> None:
    with pytest.raises(ValueError, match="only plain text"):
        shown("application/pdf", "%PDF")
