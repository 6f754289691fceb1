"""A pen for villages: real keys, certificates, time-stamps and containers, without a signing service between. A `Pen`.

The person says yes at once: the address leads nowhere, the code is there to be brought back.
"""

from __future__ import annotations

from datetime import datetime

from sild.identity_client import Asked, PenRefused, Signable
from sild.pki import DigestAlgorithm, SignatureAlgorithm, sign_bytes
from sild.signatures import (
    DocumentPart,
    SignedDocument,
    add_evidence,
    prepare_baseline,
    stamped_bytes,
    write_signed_document,
)
from support.personal import person_credential
from support.pki import Pki

PKI = Pki(common_name="People's CA")
SIGNERS = (PKI.ca.certificate, PKI.tsa.certificate)


class VillagePen:
    """clock: of the village.  signs_as: somebody else's key, for those who try.  instead: another text."""

    def __init__(self, clock) -> None:
        self.clock = clock
        self.signs_as: str | None = None
        self.instead: Signable | None = None
        self.down = False
        self.signatures = 0
        self.codes: dict[str, str] = {}
        self.made: dict[str, bytes] = {}

    async def ask(self, person: str, statement: Signable, *, state: str, code_verifier: str) -> Asked:
        code = f"code-{state}"
        self.codes[code] = code_verifier
        return Asked(
            f"https://sign.example/?state={state}&code={code}",
            {"person": person, "at": self.clock().isoformat()},
        )

    async def redeem(self, code: str, code_verifier: str) -> str:
        if self.codes.pop(code, None) != code_verifier:
            raise PenRefused("no such code")
        return f"token-{code}"

    async def sign(self, statement: Signable, kept, token: str) -> bytes:
        if self.down:
            from sild.errors import Unavailable

            raise Unavailable("nobody signs just now", code="signing_down")
        if token not in self.made:
            self.signatures += 1
            self.made[token] = self._signed(self.instead or statement, kept)
        return self.made[token]

    def _signed(self, statement: Signable, kept) -> bytes:
        person = self.signs_as or kept["person"]
        signer = person_credential(PKI, number=f"PNO{person[:2]}-{person[2:]}")
        at = datetime.fromisoformat(kept["at"])
        part = DocumentPart(
            statement.name, statement.media_type, DigestAlgorithm.SHA256.digest(statement.content)
        )
        prepared = prepare_baseline(
            signer.certificate, part, signing_time=at, commitment=statement.commitment
        )
        xml = prepared.complete(
            sign_bytes(signer.key, SignatureAlgorithm.ECDSA_SHA256, prepared.to_be_signed)
        )
        token = PKI.timestamp(stamped_bytes(xml), at=self.clock(), algorithm=DigestAlgorithm.SHA256)
        status = PKI.ocsp_response(signer.certificate, at=self.clock())
        whole = add_evidence(xml, time_stamp=token, certificates=signer.chain, ocsp_responses=[status])
        return write_signed_document(
            SignedDocument(statement.name, statement.media_type, statement.content, whole), at=at
        )
