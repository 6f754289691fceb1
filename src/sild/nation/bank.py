"""The bank of the demonstration: it has everybody's account and all the money it is asked for. A double, for what is outside the state.

It takes the treasury's files (pain.001) and answers each at once (pain.002). An account that ends in 0404 was closed: what is sent
there comes back, as it would from a bank (AC04).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime

from lxml import etree
from lxml.etree import _Element

from sild.errors import PlatformError
from sild.registries import TreasuryRegister
from sild.telemetry import get_logger

__all__ = ["answer_file", "run_bank"]

log = get_logger("nation")

IN = "{urn:iso:std:iso:20022:tech:xsd:pain.001.001.09}"
OUT = "urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"
CLOSED = "0404"
PAUSE_SECONDS = 1.0


async def run_bank(treasury: TreasuryRegister) -> None:
    """Until cancelled. A round that fails is made again: files of which nothing was heard are there still."""
    while True:
        try:
            await asyncio.to_thread(_round, treasury)
        except PlatformError as error:
            log.refusal("bank.round", error)
        await asyncio.sleep(PAUSE_SECONDS)


def _round(treasury: TreasuryRegister) -> None:
    for currency in treasury.currencies:
        treasury.instruct(currency)
    for file in treasury.open_instructions():
        treasury.take_report(answer_file(file.xml, at=treasury.kernel.now))


def answer_file(xml: bytes, *, at: datetime) -> bytes:
    """pain.001.001.09, answered in pain.002.001.10: each transfer settled, or rejected with its reason. at: UTC."""
    document = etree.fromstring(xml)
    number = document.findtext(f"{IN}CstmrCdtTrfInitn/{IN}GrpHdr/{IN}MsgId") or ""
    root = etree.Element(etree.QName(OUT, "Document"), nsmap={None: OUT})
    report = _add(root, "CstmrPmtStsRpt")
    header = _add(report, "GrpHdr")
    _add(header, "MsgId", f"BANK-{number}"[:35])
    _add(header, "CreDtTm", at.strftime("%Y-%m-%dT%H:%M:%SZ"))
    group = _add(report, "OrgnlGrpInfAndSts")
    _add(group, "OrgnlMsgId", number)
    _add(group, "OrgnlMsgNmId", "pain.001.001.09")
    payment = _add(report, "OrgnlPmtInfAndSts")
    _add(payment, "OrgnlPmtInfId", number)
    for end_to_end, account in _transfers(document):
        said = _add(payment, "TxInfAndSts")
        _add(said, "OrgnlEndToEndId", end_to_end)
        if account.endswith(CLOSED):
            _add(said, "TxSts", "RJCT")
            _add(_add(_add(said, "StsRsnInf"), "Rsn"), "Cd", "AC04")
        else:
            _add(said, "TxSts", "ACSC")
            _add(said, "AccptncDtTm", at.strftime("%Y-%m-%dT%H:%M:%SZ"))
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _transfers(document: _Element) -> Iterator[tuple[str, str]]:
    """EndToEndId, account of the receiver."""
    for transfer in document.iter(f"{IN}CdtTrfTxInf"):
        account = f"{IN}CdtrAcct/{IN}Id/"
        iban = transfer.findtext(f"{account}{IN}IBAN")
        other = transfer.findtext(f"{account}{IN}Othr/{IN}Id")
        yield transfer.findtext(f"{IN}PmtId/{IN}EndToEndId") or "", iban or other or ""


def _add(parent: _Element, name: str, text: str | None = None) -> _Element:
    child = etree.SubElement(parent, etree.QName(OUT, name))
    child.text = text
    return child
