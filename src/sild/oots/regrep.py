"""Slots of RegRep 4 (OASIS ebXML RegRep 4.0), written with lxml and read with expat within limits.

Read is what strangers write: no document type, no entities, UTF-8, at most 256 kB, and with a reader that keeps no names (ADR 0007).
Comments are passed over, as examples in the wild have them. Slots are found by name, in whatever order they stand (TDD 4.5.1).
Every refusal names the rule of the EDM's schematron that it is, where there is one.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree  # what could harm is refused before it reads
from collections.abc import Mapping
from datetime import UTC, date, datetime

from lxml import etree

from sild.errors import PeerError
from sild.oots.model import Text

__all__ = [
    "NS",
    "UNREGISTERED",
    "Read",
    "Written",
    "day",
    "moment",
    "one",
    "parse",
    "refuse",
    "rendered",
    "root",
    "slot",
    "sub",
    "text_of",
    "texts",
    "texts_of",
    "unique",
    "value",
]

MAX_BYTES = 256 * 1024
NS = {
    "query": "urn:oasis:names:tc:ebxml-regrep:xsd:query:4.0",
    "rim": "urn:oasis:names:tc:ebxml-regrep:xsd:rim:4.0",
    "rs": "urn:oasis:names:tc:ebxml-regrep:xsd:rs:4.0",
    "sdg": "http://data.europa.eu/p4s",
    "xlink": "http://www.w3.org/1999/xlink",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
}
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
UNREGISTERED = "urn:oasis:names:tc:ebcore:partyid-type:unregistered"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
LONGEST = 2_000
"""Signs of any one value."""

Written = etree._Element  # lxml's only name for it
Read = ElementTree.Element


def refuse(rule: str, why: str) -> PeerError:
    """rule: of the schematron, `R-EDM-REQ-S004`; `TDD` and a chapter, where it has none."""
    return PeerError(f"{rule}: {why}", code="invalid_evidence_message", rule=rule)


# --- writing


def _named(name: str) -> str:
    prefix, _, local = name.partition(":")
    return f"{{{NS[prefix]}}}{local}"


def root(name: str, **attributes: str) -> Written:
    """name: `query:QueryRequest`."""
    return etree.Element(_named(name), attributes, nsmap=NS)


def sub(parent: Written, element: str, text: str | None = None, /, **attributes: str) -> Written:
    """element: `rim:Slot`.  attributes: by local name; `type` is xsi's, `lang_` xml's."""
    made = etree.SubElement(parent, _named(element))
    for key, said in attributes.items():
        made.set({"type": _named("xsi:type"), "lang_": XML_LANG}.get(key, key), said)
    made.text = text
    return made


def slot(parent: Written, name: str, kind: str, text: str | None = None) -> Written:
    """The `rim:SlotValue`, of `rim:{kind}ValueType`, with a `rim:Value` where there is a text."""
    held = sub(sub(parent, "rim:Slot", name=name), "rim:SlotValue", type=f"rim:{kind}ValueType")
    if text is not None:
        sub(held, "rim:Value", text)
    return held


def texts(parent: Written, name: str, said: Text) -> None:
    """One element for each language, with sdg's `lang` in capitals."""
    for language, words in said.items():
        sub(parent, name, words, lang=language.upper())


def moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def rendered(made: Written) -> bytes:
    return etree.tostring(made, xml_declaration=True, encoding="UTF-8")


# --- reading


def parse(xml: bytes) -> Read:
    """The root. Raises PeerError (`invalid_evidence_message`)."""
    if len(xml) > MAX_BYTES:
        raise refuse("TDD 4.5", f"a message of {len(xml)} bytes; at most {MAX_BYTES} are read")
    if xml.count(b"<!") != xml.count(b"<!--") or b"\0" in xml or xml.find(b"<?", 1) != -1:
        raise refuse(
            "TDD 4.5", "no document type, entity, CDATA, processing instruction, nor another encoding"
        )
    try:
        parser = ElementTree.XMLParser(encoding="utf-8")  # noqa: S314  see the head of the module
        return ElementTree.fromstring(xml, parser)  # noqa: S314
    except (ElementTree.ParseError, ValueError, RecursionError, OverflowError):
        raise refuse("TDD 4.5", "not well-formed XML") from None


def value(parent: Read, name: str, kind: str, rule: str) -> Read | None:
    """The `rim:SlotValue` of the one slot of that name, which is of `kind`; None: there is no such slot. Raises PeerError."""
    found = [one for one in parent.findall("rim:Slot", NS) if one.get("name") == name]
    if not found:
        return None
    held = found[0].findall("rim:SlotValue", NS)
    if len(found) != 1 or len(held) != 1:
        raise refuse(rule, f"one slot {name} with one value")
    said = held[0].get(_named("xsi:type"), "")
    if said.rpartition(":")[2] != f"{kind}ValueType":
        raise refuse(rule, f"{name} is of rim:{kind}ValueType")
    return held[0]


def one(parent: Read, path: str, rule: str) -> Read:
    """Raises PeerError: none, or several."""
    found = parent.findall(path, NS)
    if len(found) != 1:
        raise refuse(rule, f"one {path}")
    return found[0]


def text_of(parent: Read | None, path: str, rule: str) -> str:
    """Of the one element there. Raises PeerError: not one, or nothing in it, or too much."""
    if parent is None:
        raise refuse(rule, f"{path} is missing")
    said = " ".join((one(parent, path, rule).text or "").split())
    if not said or len(said) > LONGEST:
        raise refuse(rule, f"{path} says nothing, or too much")
    return said


def texts_of(parent: Read, path: str) -> Text:
    """By language; of a language said twice the first."""
    found: dict[str, str] = {}
    for element in parent.findall(path, NS)[:100]:
        words = " ".join((element.text or "").split())[:LONGEST]
        found.setdefault((element.get("lang") or "en").lower()[:2], words)
    return found


def unique(said: str | None, rule: str, prefix: str = "") -> str:
    """A UUID (RFC 4122) after `prefix`. Raises PeerError."""
    text = (said or "").strip()
    if not text.startswith(prefix) or not UUID.fullmatch(text[len(prefix) :]):
        raise refuse(rule, f"an identifier is {prefix}UUID")
    return text


def day(said: str, rule: str) -> date:
    try:
        return date.fromisoformat(said) if len(said) == 10 else _no_day()
    except ValueError:
        raise refuse(rule, "a date is YYYY-MM-DD") from None


def _no_day() -> date:
    raise ValueError


def read_moment(held: Read | None, rule: str) -> datetime:
    """xsd:dateTime; without a zone it is UTC. Raises PeerError."""
    try:
        found = datetime.fromisoformat(text_of(held, "rim:Value", rule))
    except ValueError:
        raise refuse(rule, "a time is of xsd:dateTime") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def read_boolean(held: Read | None, rule: str) -> bool:
    said = text_of(held, "rim:Value", rule)
    known: Mapping[str, bool] = {"true": True, "1": True, "false": False, "0": False}
    if said not in known:
        raise refuse(rule, "xs:boolean")
    return known[said]


__all__ += ["read_boolean", "read_moment"]
