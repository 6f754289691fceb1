"""A package's METS against the Library of Congress's schema with the extensions of E-ARK, and against the profiles of CSIP and SIP:
every requirement that is a MUST has as many elements as it says (as the package `eark-validator` carries them)."""

from __future__ import annotations

import importlib.util
import io
import re
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from lxml import etree

from sild.documents import Described, Happened, SubmittedFile, act_package, package_of

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ABOUT = Described(
    id="uuid-019cadc6-9a80-7e40-9a35-f0ec7c361cc9",
    kind="birth-registration",
    label="Registration of a birth, 2026-03-02 <&> Õ",
    created_at=AT,
    submitter="SILD/GOV/70000002",
    archive="SILD archive",
)
EVENTS = [Happened("creation", AT, "entered"), Happened("digital signature generation", AT, "sealed")]
NAMES = {
    "mets": "http://www.loc.gov/METS/",
    "xlink": "http://www.w3.org/1999/xlink",
    "csip": "https://DILCIS.eu/XML/METS/CSIPExtensionMETS",
    "sip": "https://DILCIS.eu/XML/METS/SIPExtensionMETS",
    "h": "http://www.w3.org/1999/xhtml",
    "p": "http://www.loc.gov/METS_Profile/v2",
}
OF_ONE_AGENT = {
    "CSIP16": "mets:metsHdr/mets:agent[@OTHERTYPE='SOFTWARE']/mets:note[@csip:NOTETYPE='SOFTWARE VERSION']",
    "SIP15": "mets:metsHdr/mets:agent[@ROLE='OTHER' and @OTHERROLE='SUBMITTER']",
}
"""Their paths name every agent, and their words one."""

OF_POINTERS = {"CSIP108", "CSIP109", "CSIP110", "CSIP111", "CSIP112"}
"""To METS files of representations, where they have their own; ours has one for the whole package."""

_STEP = re.compile(r"(?<![\w:@'.])([A-Za-z][A-Za-z0-9]*)(?![\w:(']|\s*=)")


@cache
def resources() -> Path:
    found = importlib.util.find_spec("eark_validator")
    assert found is not None and found.submodule_search_locations
    return Path(found.submodule_search_locations[0]) / "xml" / "resources"


@cache
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(file=str(resources() / "schema" / "mets.sip.local.v2-0.xsd"))


def mets_of(package: bytes) -> etree._Element:
    with tarfile.open(fileobj=io.BytesIO(package)) as tar:
        held = tar.extractfile(f"{ABOUT.id}/METS.xml")
        assert held is not None
        return etree.fromstring(held.read())


PACKAGES = {
    "an act with its decision": act_package(ABOUT, {"kind": "x"}, b"{}", b"{}", EVENTS),
    "an act alone": act_package(ABOUT, {"kind": "x"}, b"{}", None, []),
    "any file": package_of(ABOUT, [SubmittedFile("representations/a/data/b.txt", "text/plain", b"")], EVENTS),
}


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_mets_as_its_schema_says(package: bytes) -> None:
    schema().assertValid(mets_of(package))


def test_a_wrong_mets_would_be_found() -> None:
    mets = mets_of(PACKAGES["an act alone"])
    structure = mets.find("mets:structMap", NAMES)
    assert structure is not None
    mets.insert(0, structure)
    assert not schema().validate(mets)
    assert "CSIP1" in {name for name, *_ in broken(etree.fromstring(f'<mets xmlns="{NAMES["mets"]}"/>'))}


def requirements() -> Iterator[tuple[str, str, str, int, int | None]]:
    """Id, XPath of what it stands in, XPath within that, at least, at most."""
    for profile in ("E-ARK-CSIP.xml", "E-ARK-SIP.xml"):
        tree = etree.parse(str(resources() / "profiles" / profile))
        for one in tree.iterfind(".//p:requirement[@REQLEVEL='MUST']", NAMES):
            terms = [term.text or "" for term in one.iterfind(".//h:dl/*", NAMES)]
            said = dict(zip(terms[::2], terms[1::2], strict=True))
            path, many = said["METS XPath"].strip().removeprefix("mets/"), said["Cardinality"].strip()
            inside, _, last = path.rpartition("/")
            least, _, most = many.partition("..")
            yield (
                str(one.get("ID")),
                _STEP.sub(r"mets:\1", inside) or ".",
                last if last.startswith("@") else _STEP.sub(r"mets:\1", last),
                int(least),
                int(most) if most.isdigit() else None,
            )


def broken(mets: etree._Element) -> Iterator[tuple[str, str, int]]:
    """A requirement about something that is not there at all is nobody's: what must be there, another requirement says."""
    for name, inside, last, least, most in requirements():
        for parent in mets.xpath(inside, namespaces=NAMES):
            count = len(parent.xpath(last, namespaces=NAMES))
            if count < least or (most is not None and count > most):
                yield name, f"{inside}/{last}", count


@pytest.mark.parametrize("name", ["an act with its decision", "an act alone"])
def test_all_that_the_profiles_demand_is_there(name: str) -> None:
    assert len(list(requirements())) > 80
    mets = mets_of(PACKAGES[name])
    assert [one for one in broken(mets) if one[0] not in OF_POINTERS | OF_ONE_AGENT.keys()] == []
    assert [len(mets.xpath(path, namespaces=NAMES)) for path in OF_ONE_AGENT.values()] == [1, 1]
    assert (
        mets.get("OBJID")
        == ABOUT.id
        == mets.xpath("string(mets:structMap/mets:div/@LABEL)", namespaces=NAMES)
    )
