"""ISO 20022 between the treasury and its bank: pain.001.001.09 out, pain.002.001.10 in. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal

from lxml import etree
from lxml.etree import _Element

from sild.errors import PeerError

__all__ = ["Credit", "Debtor", "StatusReport", "TransferStatus", "read_report", "render_instruction"]

PAIN_001 = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
PAIN_002 = "urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"
MAX_REPORT = 16 * 1024 * 1024
SOCIAL_SECURITY_BENEFIT = "SSBE"
"""Of the external purpose codes."""


@dataclass(frozen=True, slots=True)
class Debtor:
    """Who pays. account: as `parse_account` writes it.  bank: its BIC; None: the IBAN says it, or the account's first six digits."""

    name: str
    account: str
    bank: str | None = None


@dataclass(frozen=True, slots=True)
class Credit:
    """One transfer. amount: a decimal string, exact.  text: what the receiver's bank statement shows."""

    end_to_end: str
    name: str
    account: str
    amount: str
    text: str


@dataclass(frozen=True, slots=True)
class TransferStatus:
    """status: of ISO 20022, `ACSC`, `RJCT`.  reason: its code, `AC04`.  on: the bank's day, if it says so."""

    end_to_end: str
    status: str
    reason: str | None
    on: date | None


@dataclass(frozen=True, slots=True)
class StatusReport:
    """instruction: MsgId of the file it answers.  group: status of the file as a whole, if there is one; a bank may say it of the
    file's one payment block."""

    instruction: str
    group: str | None
    reason: str | None
    transfers: tuple[TransferStatus, ...]


def render_instruction(
    message_id: str,
    credits_: Sequence[Credit],
    *,
    debtor: Debtor,
    currency: str,
    at: datetime,
    on: date,
) -> bytes:
    """A file of credit transfers, all for one day. at: UTC.  on: the day of execution."""
    total = str(sum((Decimal(credit.amount) for credit in credits_), Decimal(0)))
    root = etree.Element(etree.QName(PAIN_001, "Document"), nsmap={None: PAIN_001})
    initiation = _add(root, "CstmrCdtTrfInitn")
    header = _add(initiation, "GrpHdr")
    _add(header, "MsgId", message_id)
    _add(header, "CreDtTm", at.strftime("%Y-%m-%dT%H:%M:%SZ"))
    _add(header, "NbOfTxs", str(len(credits_)))
    _add(header, "CtrlSum", total)
    _add(_add(header, "InitgPty"), "Nm", debtor.name)
    payment = _add(initiation, "PmtInf")
    _add(payment, "PmtInfId", message_id)
    _add(payment, "PmtMtd", "TRF")
    _add(payment, "NbOfTxs", str(len(credits_)))
    _add(payment, "CtrlSum", total)
    if currency == "EUR":
        kind = _add(payment, "PmtTpInf")
        _add(_add(kind, "SvcLvl"), "Cd", "SEPA")
        _add(_add(kind, "LclInstrm"), "Cd", "INST")  # at any hour of any day, as NAPAS 247 is
    _add(_add(payment, "ReqdExctnDt"), "Dt", on.isoformat())
    _add(_add(payment, "Dbtr"), "Nm", debtor.name)
    _add_account(payment, "DbtrAcct", debtor.account)
    _add_agent(payment, "DbtrAgt", debtor.account, debtor.bank)
    _add(payment, "ChrgBr", "SLEV")
    for credit in credits_:
        _add_credit(payment, credit, currency)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _add_credit(payment: _Element, credit: Credit, currency: str) -> None:
    transfer = _add(payment, "CdtTrfTxInf")
    _add(_add(transfer, "PmtId"), "EndToEndId", credit.end_to_end)
    _add(_add(transfer, "Amt"), "InstdAmt", credit.amount).set("Ccy", currency)
    if credit.account[:1].isdigit():
        _add_agent(transfer, "CdtrAgt", credit.account, None)
    _add(_add(transfer, "Cdtr"), "Nm", credit.name)
    _add_account(transfer, "CdtrAcct", credit.account)
    _add(_add(transfer, "Purp"), "Cd", SOCIAL_SECURITY_BENEFIT)
    _add(_add(transfer, "RmtInf"), "Ustrd", credit.text)


def _add_account(parent: _Element, name: str, account: str) -> None:
    identified = _add(_add(parent, name), "Id")
    if account[:1].isdigit():
        _add(_add(identified, "Othr"), "Id", account.partition("-")[2])
    else:
        _add(identified, "IBAN", account)


def _add_agent(parent: _Element, name: str, account: str, bic: str | None) -> None:
    institution = _add(_add(parent, name), "FinInstnId")
    if bic is not None:
        _add(institution, "BICFI", bic)
    elif account[:1].isdigit():  # the bank's number is a member's of the country's clearing system
        _add(_add(institution, "ClrSysMmbId"), "MmbId", account[:6])
    else:
        _add(_add(institution, "Othr"), "Id", "NOTPROVIDED")


def _add(parent: _Element, name: str, text: str | None = None) -> _Element:
    child = etree.SubElement(parent, etree.QName(PAIN_001, name))
    child.text = text
    return child


# --- what the bank says


def read_report(xml: bytes, zone: tzinfo) -> StatusReport:
    """zone: of the days on which it was paid. Raises PeerError (`invalid_xml`, `invalid_report`): no pain.002.001.10, or one that does not say of what it speaks."""
    root = _parsed(xml)
    report = root.find(f"{{{PAIN_002}}}CstmrPmtStsRpt")
    if root.tag != f"{{{PAIN_002}}}Document" or report is None:
        raise PeerError("not a payment status report (pain.002.001.10)", code="invalid_report")
    group = report.find(f"{{{PAIN_002}}}OrgnlGrpInfAndSts")
    instruction = None if group is None else _text(group, "OrgnlMsgId")
    if group is None or instruction is None:
        raise PeerError("it does not say which file it answers", code="invalid_report")
    status, reason = _text(group, "GrpSts"), _reason(group)
    for block in report.iterfind(f"{{{PAIN_002}}}OrgnlPmtInfAndSts"):
        if _text(block, "PmtInfSts") == "RJCT" and _text(block, "OrgnlPmtInfId") == instruction:
            status, reason = "RJCT", _reason(block) or reason
    return StatusReport(instruction, status, reason, tuple(_transfers(report, zone)))


def _parsed(xml: bytes) -> _Element:
    """No document type, no entities, no network: the file is the bank's, and came through other hands."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    if len(xml) > MAX_REPORT:
        raise PeerError("the report is too large", code="invalid_xml")
    try:
        root = etree.fromstring(xml, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise PeerError(f"not well-formed XML: {error}", code="invalid_xml") from None
    if root.getroottree().docinfo.doctype:
        raise PeerError("a document type declaration is not allowed", code="invalid_xml")
    return root


def _transfers(report: _Element, zone: tzinfo) -> Iterator[TransferStatus]:
    for transfer in report.iter(f"{{{PAIN_002}}}TxInfAndSts"):
        end_to_end, status = _text(transfer, "OrgnlEndToEndId"), _text(transfer, "TxSts")
        if end_to_end is None or status is None:
            raise PeerError("a transfer without its id or status", code="invalid_report")
        yield TransferStatus(
            end_to_end, status, _reason(transfer), _day(_text(transfer, "AccptncDtTm"), zone)
        )


def _reason(parent: _Element) -> str | None:
    return _text(parent, "StsRsnInf/Rsn/Cd") or _text(parent, "StsRsnInf/Rsn/Prtry")


def _text(parent: _Element, path: str) -> str | None:
    found = parent.find("/".join(f"{{{PAIN_002}}}{step}" for step in path.split("/")))
    return None if found is None or not found.text else found.text.strip()[:35]


def _day(text: str | None, zone: tzinfo) -> date | None:
    """Of a time without a zone its own day."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo is None else at.astimezone(zone)).date()
    except (ValueError, OverflowError):
        raise PeerError("not a time", code="invalid_report") from None
