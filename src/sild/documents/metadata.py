"""What a package says of itself: METS (CSIP and SIP 2.1.0 of E-ARK), Dublin Core and PREMIS 3, written; METS and PREMIS read. Pure.

METS lists every file with size and checksum, PREMIS repeats each file's checksum beside what happened to it. Read from strangers:
no document type, bounded, and nothing is taken from it before it is compared with the files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lxml import etree

from sild.clock import xml_datetime
from sild.errors import PeerError

__all__ = ["Described", "Happened", "Listed", "dublin_core", "fixities", "listed_in", "mets", "premis"]

METS, XLINK, PREMIS = (
    "http://www.loc.gov/METS/",
    "http://www.w3.org/1999/xlink",
    "http://www.loc.gov/premis/v3",
)
CSIP, SIP = "https://DILCIS.eu/XML/METS/CSIPExtensionMETS", "https://DILCIS.eu/XML/METS/SIPExtensionMETS"
OAI_DC, DC = "http://www.openarchives.org/OAI/2.0/oai_dc/", "http://purl.org/dc/elements/1.1/"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
PROFILE = "https://earksip.dilcis.eu/profile/E-ARK-SIP.xml"
DIGEST, CODE = "SHA-256", "IDENTIFICATIONCODE"
MAX_XML_BYTES = 1 << 20
GROUPED = ("documentation", "schemas", "representations")
"""Folders of which METS has groups of files, in this order."""
_MAP = {"mets": METS, "xlink": XLINK, "csip": CSIP, "sip": SIP, "xsi": XSI}


@dataclass(frozen=True, slots=True)
class Listed:
    """A file as METS lists it. path: within the package."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Described:
    """id: of the package, its folder's name.  kind: of the records in it.  submitter: `INSTANCE/CLASS/CODE`."""

    id: str
    kind: str
    label: str
    created_at: datetime
    submitter: str
    archive: str


@dataclass(frozen=True, slots=True)
class Happened:
    """An event in the life of the records. detail: for people; ids of messages and decisions stand in it."""

    type: str
    at: datetime
    detail: str


def mets(about: Described, files: Mapping[str, bytes], media_types: Mapping[str, str]) -> bytes:
    """files: all but METS.xml itself, by path: metadata/..., representations/NAME/data/..., schemas/..., documentation/..."""
    made = _Mets(about, files, media_types)
    return _written(made.root())


class _Mets:
    def __init__(self, about: Described, files: Mapping[str, bytes], media_types: Mapping[str, str]) -> None:
        self._about = about
        self._files = files
        self._types = media_types
        self._created = xml_datetime(about.created_at)

    def root(self) -> Any:  # an lxml element, written at once
        about = self._about
        root = etree.Element(_mets("mets"), nsmap=_MAP)
        for name, value in (
            ("OBJID", about.id),
            ("LABEL", about.label),
            ("TYPE", "Other"),
            (f"{{{CSIP}}}OTHERTYPE", about.kind),
            (f"{{{CSIP}}}CONTENTINFORMATIONTYPE", "OTHER"),
            (f"{{{CSIP}}}OTHERCONTENTINFORMATIONTYPE", about.kind),
            ("PROFILE", PROFILE),
        ):
            root.set(name, value)
        self._header(root)
        descriptive = self._descriptive(root)
        preservation = self._preservation(etree.SubElement(root, _mets("amdSec")))
        self._structure(root, descriptive, preservation, self._groups(root))
        return root

    def _header(self, root: Any) -> None:  # Any: as above, in every method below
        dates = {"CREATEDATE": self._created, "LASTMODDATE": self._created}
        header = etree.SubElement(root, _mets("metsHdr"), dates, RECORDSTATUS="NEW")
        header.set(f"{{{CSIP}}}OAISPACKAGETYPE", "SIP")
        body = {"TYPE": "ORGANIZATION"}
        for role, name, note, note_type in (
            ({"ROLE": "CREATOR", "TYPE": "OTHER", "OTHERTYPE": "SOFTWARE"}, "Sild", "1", "SOFTWARE VERSION"),
            ({"ROLE": "ARCHIVIST", **body}, self._about.archive, self._about.archive, CODE),
            (
                {"ROLE": "OTHER", "OTHERROLE": "SUBMITTER", **body},
                self._about.submitter,
                self._about.submitter,
                CODE,
            ),
        ):
            agent = etree.SubElement(header, _mets("agent"), role)
            etree.SubElement(agent, _mets("name")).text = name
            told = etree.SubElement(agent, _mets("note"))
            told.set(f"{{{CSIP}}}NOTETYPE", note_type)
            told.text = note

    def _descriptive(self, root: Any) -> list[str]:
        """A section for each file of descriptive metadata; their ids."""
        found = []
        for path in sorted(self._files):
            if path.startswith("metadata/descriptive/"):
                section = etree.SubElement(root, _mets("dmdSec"), ID=_id(path), STATUS="CURRENT")
                section.set("CREATED", self._created)
                reference = etree.SubElement(section, _mets("mdRef"), self._of(path), MDTYPE="DC")
                self._located(reference, path)
                found.append(_id(path))
        return found

    def _preservation(self, parent: Any) -> list[str]:
        """A section for each file of preservation metadata; their ids."""
        found = []
        for path in sorted(self._files):
            if path.startswith("metadata/preservation/"):
                section = etree.SubElement(parent, _mets("digiprovMD"), ID=_id(path), STATUS="CURRENT")
                reference = etree.SubElement(section, _mets("mdRef"), self._of(path), MDTYPE="PREMIS")
                self._located(reference, path)
                found.append(_id(path))
        return found

    def _groups(self, root: Any) -> dict[str, str]:
        """Label of a division -> id of the group of its files."""
        section = etree.SubElement(root, _mets("fileSec"), ID="files")
        folders: dict[str, list[str]] = {}
        for path in sorted(self._files):
            if (folder := path.partition("/")[0]) in GROUPED:
                folders.setdefault(folder.capitalize(), []).append(path)
        for label, paths in folders.items():
            group = etree.SubElement(section, _mets("fileGrp"), ID=_id(label), USE=label)
            group.set(f"{{{CSIP}}}CONTENTINFORMATIONTYPE", "OTHER")
            group.set(f"{{{CSIP}}}OTHERCONTENTINFORMATIONTYPE", self._about.kind)
            for path in paths:
                file = etree.SubElement(group, _mets("file"), self._of(path), ID=_id(path))
                self._located(etree.SubElement(file, _mets("FLocat")), path)
        return {label: _id(label) for label in folders}

    def _structure(
        self, root: Any, descriptive: Sequence[str], preservation: Sequence[str], groups: Mapping[str, str]
    ) -> None:
        structure = etree.SubElement(root, _mets("structMap"), ID="structure", TYPE="PHYSICAL", LABEL="CSIP")
        whole = etree.SubElement(structure, _mets("div"), ID="package", LABEL=self._about.id)
        metadata = etree.SubElement(whole, _mets("div"), ID="div-metadata", LABEL="Metadata")
        metadata.set("ADMID", " ".join(preservation))
        if descriptive:
            metadata.set("DMDID", " ".join(descriptive))
        for label, group in groups.items():
            part = etree.SubElement(whole, _mets("div"), ID=f"div-{group}", LABEL=label)
            etree.SubElement(part, _mets("fptr"), FILEID=group)

    def _of(self, path: str) -> dict[str, str]:
        content = self._files[path]
        return {
            "MIMETYPE": self._types[path],
            "SIZE": str(len(content)),
            "CREATED": self._created,
            "CHECKSUM": hashlib.sha256(content).hexdigest(),
            "CHECKSUMTYPE": DIGEST,
        }

    def _located(self, element: Any, path: str) -> None:
        element.set("LOCTYPE", "URL")
        element.set(f"{{{XLINK}}}type", "simple")
        element.set(f"{{{XLINK}}}href", path)


def dublin_core(about: Described) -> bytes:
    """Of the package as a whole; nothing of anybody, so that it can stand in a catalogue."""
    root = etree.Element(f"{{{OAI_DC}}}dc", nsmap={"oai_dc": OAI_DC, "dc": DC})
    for name, value in (
        ("title", about.label),
        ("identifier", about.id),
        ("creator", about.submitter),
        ("date", xml_datetime(about.created_at)),
        ("type", about.kind),
    ):
        etree.SubElement(root, f"{{{DC}}}{name}").text = value
    return _written(root)


def premis(
    about: Described, files: Mapping[str, bytes], media_types: Mapping[str, str], events: Sequence[Happened]
) -> bytes:
    """files: of the representations."""
    root = etree.Element(_premis("premis"), nsmap={"premis": PREMIS, "xsi": XSI}, version="3.0")
    for path, content in sorted(files.items()):
        one = etree.SubElement(root, _premis("object"))
        one.set(f"{{{XSI}}}type", "premis:file")
        _identifier(one, "object", "path", path)
        characteristics = etree.SubElement(one, _premis("objectCharacteristics"))
        fixity = etree.SubElement(characteristics, _premis("fixity"))
        etree.SubElement(fixity, _premis("messageDigestAlgorithm")).text = DIGEST
        etree.SubElement(fixity, _premis("messageDigest")).text = hashlib.sha256(content).hexdigest()
        etree.SubElement(characteristics, _premis("size")).text = str(len(content))
        designation = etree.SubElement(
            etree.SubElement(characteristics, _premis("format")), _premis("formatDesignation")
        )
        etree.SubElement(designation, _premis("formatName")).text = media_types[path]
    for number, event in enumerate(events, start=1):
        happened = etree.SubElement(root, _premis("event"))
        _identifier(happened, "event", "local", f"event-{number}")
        etree.SubElement(happened, _premis("eventType")).text = event.type
        etree.SubElement(happened, _premis("eventDateTime")).text = xml_datetime(event.at)
        detail = etree.SubElement(happened, _premis("eventDetailInformation"))
        etree.SubElement(detail, _premis("eventDetail")).text = event.detail
        linked = etree.SubElement(happened, _premis("linkingAgentIdentifier"))
        etree.SubElement(linked, _premis("linkingAgentIdentifierType")).text = "X-Road member"
        etree.SubElement(linked, _premis("linkingAgentIdentifierValue")).text = about.submitter
    agent = etree.SubElement(root, _premis("agent"))
    _identifier(agent, "agent", "X-Road member", about.submitter)
    etree.SubElement(agent, _premis("agentName")).text = about.submitter
    etree.SubElement(agent, _premis("agentType")).text = "organization"
    return _written(root)


def listed_in(content: bytes) -> tuple[Described, tuple[Listed, ...]]:
    """What METS says of the package and its files. Raises PeerError (`bad_metadata`)."""
    root = _parsed(content, _mets("mets"))
    try:
        header = root.find(_mets("metsHdr"))
        agents = {
            agent.get("OTHERROLE") or agent.get("ROLE"): agent.findtext(_mets("name")) or ""
            for agent in header.findall(_mets("agent"))
        }
        if root.get("PROFILE") != PROFILE or header.get(f"{{{CSIP}}}OAISPACKAGETYPE") != "SIP":
            raise PeerError(
                "not a submission information package of the profile we take", code="bad_metadata"
            )
        about = Described(
            id=root.attrib["OBJID"],
            kind=root.attrib[f"{{{CSIP}}}OTHERTYPE"],
            label=root.attrib["LABEL"],
            created_at=datetime.fromisoformat(header.attrib["CREATEDATE"]),
            submitter=agents["SUBMITTER"],
            archive=agents["ARCHIVIST"],
        )
        found = [_read(one, one) for one in root.iter(_mets("mdRef"))]
        found += [_read(one, one.find(_mets("FLocat"))) for one in root.iter(_mets("file"))]
    except (KeyError, AttributeError, ValueError, TypeError):
        raise PeerError("METS.xml lacks what a package must say of itself", code="bad_metadata") from None
    return about, tuple(found)


def fixities(content: bytes) -> dict[str, str]:
    """Path -> SHA-256, as PREMIS has them. Raises PeerError (`bad_metadata`)."""
    root = _parsed(content, _premis("premis"))
    found = {}
    for one in root.iterfind(_premis("object")):
        path = one.findtext(f"{_premis('objectIdentifier')}/{_premis('objectIdentifierValue')}") or ""
        fixity = f"{_premis('objectCharacteristics')}/{_premis('fixity')}/"
        if one.findtext(fixity + _premis("messageDigestAlgorithm")) == DIGEST:
            found[path] = one.findtext(fixity + _premis("messageDigest")) or ""
    return found


def _read(described: Any, located: Any) -> Listed:
    if described.attrib["CHECKSUMTYPE"] != DIGEST:
        raise ValueError("another checksum")
    return Listed(
        path=located.attrib[f"{{{XLINK}}}href"],
        size=int(described.attrib["SIZE"]),
        sha256=described.attrib["CHECKSUM"].lower(),
    )


def _parsed(content: bytes, tag: str) -> Any:
    if len(content) > MAX_XML_BYTES or b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise PeerError("too large, or with a document type", code="bad_metadata")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise PeerError("not well-formed XML", code="bad_metadata") from None
    if root.tag != tag or root.getroottree().docinfo.doctype:
        raise PeerError("another document", code="bad_metadata")
    return root


def _identifier(parent: Any, of: str, kind: str, value: str) -> None:
    identifier = etree.SubElement(parent, _premis(f"{of}Identifier"))
    etree.SubElement(identifier, _premis(f"{of}IdentifierType")).text = kind
    etree.SubElement(identifier, _premis(f"{of}IdentifierValue")).text = value


def _written(root: Any) -> bytes:
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))


def _mets(name: str) -> str:
    return f"{{{METS}}}{name}"


def _premis(name: str) -> str:
    return f"{{{PREMIS}}}{name}"


def _id(path: str) -> str:
    """An NCName of its own for each path."""
    return f"id-{hashlib.sha256(path.encode()).hexdigest()[:16]}"
