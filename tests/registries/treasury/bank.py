"""A bank: reads pain.001 as another program would, and answers with pain.002. It takes a file once, by its id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from xml.etree import ElementTree

IN = "{urn:iso:std:iso:20022:tech:xsd:pain.001.001.09}"
OUT = "urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"


@dataclass
class Bank:
    """refuses: account -> reason.  paid: account -> what has arrived."""

    refuses: dict[str, str] = field(default_factory=dict)
    paid: dict[str, Decimal] = field(default_factory=dict)
    answers: dict[str, bytes] = field(default_factory=dict)

    def take(self, file: bytes) -> bytes:
        document = ElementTree.fromstring(file)
        header = document.find(f"{IN}CstmrCdtTrfInitn/{IN}GrpHdr")
        assert header is not None
        number = header.findtext(f"{IN}MsgId") or ""
        if number in self.answers:
            return self.answers[number]
        said: dict[str, str | None] = {}
        for transfer in document.iter(f"{IN}CdtTrfTxInf"):
            account = transfer.findtext(f"{IN}CdtrAcct/{IN}Id/{IN}IBAN") or transfer.findtext(
                f"{IN}CdtrAcct/{IN}Id/{IN}Othr/{IN}Id"
            )
            assert account is not None
            reason = self.refuses.get(account)
            if reason is None:
                amount = Decimal(transfer.findtext(f"{IN}Amt/{IN}InstdAmt") or "")
                self.paid[account] = self.paid.get(account, Decimal(0)) + amount
            said[transfer.findtext(f"{IN}PmtId/{IN}EndToEndId") or ""] = reason
        self.answers[number] = report(number, said)
        return self.answers[number]


def report(instruction: str, said: Mapping[str, str | None], *, group: str | None = None) -> bytes:
    """said: EndToEndId -> why it was rejected; None: it was settled."""
    transfers = "".join(
        f"<TxInfAndSts><OrgnlEndToEndId>{one}</OrgnlEndToEndId><TxSts>{'RJCT' if reason else 'ACSC'}</TxSts>"
        + (f"<StsRsnInf><Rsn><Cd>{reason}</Cd></Rsn></StsRsnInf>" if reason else "")
        + "</TxInfAndSts>"
        for one, reason in said.items()
    )
    status = f"<GrpSts>{group}</GrpSts>" if group else ""
    body = f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{instruction}</OrgnlPmtInfId>{transfers}</OrgnlPmtInfAndSts>"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><Document xmlns="{OUT}"><CstmrPmtStsRpt><GrpHdr>'
        "<MsgId>bank-1</MsgId><CreDtTm>2026-03-02T10:00:00Z</CreDtTm></GrpHdr><OrgnlGrpInfAndSts>"
        f"<OrgnlMsgId>{instruction}</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>{status}"
        f"</OrgnlGrpInfAndSts>{body if said else ''}</CstmrPmtStsRpt></Document>"
    ).encode()
