"""What goes to the bank and what it says: ISO 20022 read by another program, every contradiction left to people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date
from decimal import Decimal
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest

from sild.errors import CallerError, PeerError
from sild.registries import TreasuryRegister
from sild.registries.treasury.pain import read_report

from .bank import IN, Bank, report
from .conftest import DECISION, DONG, MOTHER, ORDER, VN_MOTHER, told, usage


def state_of(treasury: TreasuryRegister, reference: str = ORDER.reference) -> tuple[str, str | None]:
    booked = treasury.payment(reference, usage())
    return booked.state, booked.reason


def test_the_file_says_who_gets_what_and_no_more(treasury: TreasuryRegister) -> None:
    treasury.order(ORDER, usage())
    treasury.order(replace(ORDER, reference="o-2", matter="offer-2", amount="0.10"), usage())
    file = treasury.instruct("EUR")
    assert file is not None and (file.count, file.total) == (2, "80.10")
    initiation = ElementTree.fromstring(file.xml).find(f"{IN}CstmrCdtTrfInitn")
    assert initiation is not None
    names = [element.tag.removeprefix(IN) for element in initiation.iter()]
    assert names[1:8] == ["GrpHdr", "MsgId", "CreDtTm", "NbOfTxs", "CtrlSum", "InitgPty", "Nm"]
    payment = [element.tag.removeprefix(IN) for element in initiation.findall(f"{IN}PmtInf/*")]
    assert payment == [
        "PmtInfId", "PmtMtd", "NbOfTxs", "CtrlSum", "PmtTpInf", "ReqdExctnDt", "Dbtr", "DbtrAcct", "DbtrAgt", "ChrgBr",
        "CdtTrfTxInf", "CdtTrfTxInf",
    ]  # fmt: skip
    transfer = initiation.find(f"{IN}PmtInf/{IN}CdtTrfTxInf")
    assert transfer is not None
    said = {element.tag.removeprefix(IN): element.text for element in transfer.iter() if element.text}
    assert said == {
        "EndToEndId": treasury.payment("order-1", usage()).end_to_end,
        "InstdAmt": "80.00",
        "Nm": "Mari Maasikas",
        "IBAN": "EE382200221020145685",
        "Cd": "SSBE",
        "Ustrd": f"Decision {DECISION}",
    }
    assert MOTHER.encode() not in file.xml and b"child_allowance" not in file.xml


def test_dong_goes_in_a_file_of_its_own(treasury: TreasuryRegister) -> None:
    treasury.order(ORDER, usage())
    treasury.order(DONG, usage())
    file = treasury.instruct("VND")
    assert file is not None and (file.count, file.total) == (1, "4680000")
    document = ElementTree.fromstring(file.xml)
    amount = next(document.iter(f"{IN}InstdAmt"))
    assert (amount.text, amount.get("Ccy")) == ("4680000", "VND")
    members = [element.text for element in document.iter(f"{IN}MmbId")]
    assert members[-1] == "970436"
    bank = Bank()
    treasury.take_report(bank.take(file.xml))
    assert bank.paid == {"0011001234567": Decimal(4680000)}
    assert told(treasury, VN_MOTHER)[0][0] == "treasury.payment.executed"


def test_paid_and_told_once(treasury: TreasuryRegister) -> None:
    treasury.order(ORDER, usage())
    file = treasury.instruct("EUR")
    assert file is not None
    bank = Bank()
    for _ in range(3):  # handed over again after a failure, reported again
        (again,) = treasury.open_instructions() or (file,)
        assert again.xml == file.xml
        treasury.take_report(bank.take(again.xml))
    assert bank.paid == {"EE382200221020145685": Decimal("80.00")}
    assert told(treasury) == [("treasury.payment.executed", {"order": "order-1", "on": "2026-03-02"})]
    assert state_of(treasury) == ("executed", None)


def test_a_closed_account(treasury: TreasuryRegister) -> None:
    treasury.order(ORDER, usage())
    file = treasury.instruct("EUR")
    assert file is not None
    said = Bank(refuses={"EE382200221020145685": "AC04"}).take(file.xml)
    assert treasury.take_report(said).returned == 1
    assert treasury.take_report(said).returned == 0
    assert state_of(treasury) == ("returned", "AC04")
    assert told(treasury) == [("treasury.payment.returned", {"order": "order-1", "reason": "AC04"})]
    anew = replace(ORDER, reference="order-1b", account="EE471000001020145685")
    assert treasury.order(anew, usage()).state == "received", "to another account it may be ordered anew"


def test_money_that_came_back_after_it_was_paid(treasury: TreasuryRegister) -> None:
    treasury.order(ORDER, usage())
    file = treasury.instruct("EUR")
    assert file is not None
    end_to_end = treasury.payment(ORDER.reference, usage()).end_to_end
    treasury.take_report(report(file.id, {end_to_end: None}))
    treasury.take_report(report(file.id, {end_to_end: "AC04"}))
    assert state_of(treasury) == ("returned", "AC04")
    taken = treasury.take_report(report(file.id, {end_to_end: None}))
    assert taken.contradicted == (end_to_end,), "what came back was not paid after that: people look"
    assert state_of(treasury) == ("returned", "AC04")


def test_a_file_refused_as_a_whole_goes_into_the_next(treasury: TreasuryRegister) -> None:
    treasury.order(ORDER, usage())
    file = treasury.instruct("EUR")
    assert file is not None
    end_to_end = treasury.payment(ORDER.reference, usage()).end_to_end
    treasury.take_report(report(file.id, {}, group="RJCT"))
    assert state_of(treasury) == ("received", None)
    following = treasury.instruct("EUR")
    assert following is not None and following.id != file.id and end_to_end.encode() in following.xml
    late = treasury.take_report(report(file.id, {end_to_end: None}))
    assert late.contradicted == (end_to_end,)
    treasury.take_report(report(following.id, {end_to_end: None}))
    refused = treasury.take_report(report(following.id, {}, group="RJCT"))
    assert refused.contradicted == (end_to_end,) and state_of(treasury) == ("executed", None)


@pytest.mark.parametrize("reason", ["AM05", "DU01"])
def test_a_second_copy_that_the_bank_refuses_is_not_paid_again(
    treasury: TreasuryRegister, reason: str
) -> None:
    """The file is handed over again, as after a failure; the bank has it, pays it, and refuses the copy."""
    treasury.order(ORDER, usage())
    file = treasury.instruct("EUR")
    assert file is not None
    end_to_end = treasury.payment(ORDER.reference, usage()).end_to_end
    refused = report(file.id, {}, group="RJCT").replace(
        b"</GrpSts>", f"</GrpSts><StsRsnInf><Rsn><Cd>{reason}</Cd></Rsn></StsRsnInf>".encode()
    )
    assert treasury.take_report(refused).returned == 0
    assert treasury.instruct("EUR") is None, "no second file with the same payment"
    taken = treasury.take_report(report(file.id, {end_to_end: reason}))
    assert taken.contradicted == (end_to_end,) and state_of(treasury) == ("scheduled", None)
    assert not told(treasury), "nobody orders it anew"
    assert treasury.take_report(report(file.id, {end_to_end: None})).executed == 1
    assert treasury.take_report(report(file.id, {end_to_end: reason})).contradicted == ()


def test_a_file_refused_for_one_of_its_transfers(treasury: TreasuryRegister) -> None:
    treasury.order(ORDER, usage())
    treasury.order(replace(ORDER, reference="o-2", matter="offer-2"), usage())
    file = treasury.instruct("EUR")
    assert file is not None
    wrong = treasury.payment(ORDER.reference, usage()).end_to_end
    said = report(file.id, {wrong: "AC04"}, group="RJCT")
    assert treasury.take_report(said).returned == 1
    assert (state_of(treasury), state_of(treasury, "o-2")) == (("returned", "AC04"), ("received", None))
    following = treasury.instruct("EUR")
    assert following is not None and following.count == 1 and wrong.encode() not in following.xml
    assert treasury.take_report(said).contradicted == () and state_of(treasury, "o-2")[0] == "scheduled"


def test_a_block_refused_as_a_whole_goes_into_the_next_file(treasury: TreasuryRegister) -> None:
    treasury.order(ORDER, usage())
    file = treasury.instruct("EUR")
    assert file is not None
    block = f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{file.id}</OrgnlPmtInfId><PmtInfSts>RJCT</PmtInfSts></OrgnlPmtInfAndSts>"
    treasury.take_report(
        report(file.id, {}).replace(b"</CstmrPmtStsRpt>", f"{block}</CstmrPmtStsRpt>".encode())
    )
    assert state_of(treasury) == ("received", None)
    assert treasury.instruct("EUR") is not None


def test_a_name_that_no_file_can_hold_stops_nobody_elses_payment(treasury: TreasuryRegister) -> None:
    with pytest.raises(CallerError) as refused:
        treasury.order(replace(ORDER, reference="o-2", matter="offer-2", name="Mari\uffff"), usage())
    assert refused.value.code == "order_not_payable"
    treasury.order(ORDER, usage())
    assert treasury.instruct("EUR") is not None


def test_a_transfer_that_is_nobodys(treasury: TreasuryRegister) -> None:
    treasury.order(ORDER, usage())
    file = treasury.instruct("EUR")
    assert file is not None
    assert treasury.take_report(report(file.id, {"0" * 32: None})).contradicted == ("0" * 32,)
    assert state_of(treasury)[0] == "scheduled"
    with pytest.raises(CallerError) as refused:
        treasury.take_report(report("SILD-other", {}))
    assert refused.value.code == "unknown_instruction"


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda xml: b"",
        lambda xml: xml[:-20],
        lambda xml: xml.replace(b"pain.002.001.10", b"pain.002.001.03"),
        lambda xml: xml.replace(b"<OrgnlMsgId>SILD-1</OrgnlMsgId>", b""),
        lambda xml: xml.replace(b"<TxSts>ACSC</TxSts>", b""),
        lambda xml: xml.replace(b"?>", b'?><!DOCTYPE Document [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
    ],
)
def test_what_is_no_report(spoilt: Callable[[bytes], bytes]) -> None:
    good = report("SILD-1", {"0" * 32: None})
    assert read_report(good, UTC).transfers[0].status == "ACSC"
    with pytest.raises(PeerError):
        read_report(spoilt(good), UTC)


@pytest.mark.parametrize(
    ("at", "place", "day"),
    [
        ("2026-11-23T22:30:00Z", "Europe/Tallinn", date(2026, 11, 24)),
        ("2026-11-23T18:00:00Z", "Asia/Ho_Chi_Minh", date(2026, 11, 24)),
        ("2026-11-24T00:30:00+02:00", "Europe/Tallinn", date(2026, 11, 24)),
        ("2026-11-23T23:30:00", "Europe/Tallinn", date(2026, 11, 23)),
    ],
)
def test_money_is_paid_on_the_countrys_day(at: str, place: str, day: date) -> None:
    settled = f"<TxSts>ACSC</TxSts><AccptncDtTm>{at}</AccptncDtTm>".encode()
    said = report("SILD-1", {"0" * 32: None}).replace(b"<TxSts>ACSC</TxSts>", settled)
    assert read_report(said, ZoneInfo(place)).transfers[0].on == day
