"""A paper's seal: PAdES baseline B-T (EN 319 142-1) by the key of the body that issues it, or B-B while no authority gives a
time-stamp, and what a reader finds in a paper. Whose seal is believed says `sild.pki.verify_seal`.

The seal stands behind the paper in the same file (an incremental update), so the paper's own bytes stay as they were set.
"""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from sild.errors import PeerError, PlatformError, TrustError
from sild.pki import Certificate, SealedBy, certificates_of_sole_signer, der, verify_seal

if TYPE_CHECKING:
    from asn1crypto import cms
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

__all__ = [
    "MAX_PDF_BYTES",
    "Sealer",
    "TimeStamper",
    "credential_in",
    "seal_pdf",
    "structured_in",
    "verify_sealed_pdf",
]

MAX_PDF_BYTES = 4 << 20
FIELD = "Seal"
STAMP = "signature_time_stamp_token"
ATTACHMENT, STRUCTURED = "credential.sd-jwt", "evidence.xml"  # as in templates/look.typ
SEAL_BYTES, STAMP_BYTES = 12_288, 24_576
"""Room for the signature and its certificates, and for a time-stamp with those of its authority, in hexadecimal digits: known before
they are made, so that nothing is signed twice."""

STAMP_SECONDS = 5.0
"""Somebody waits for the paper."""

TimeStamper = Callable[[bytes], Awaitable[bytes]]
"""A time-stamp token (RFC 3161, DER) over these bytes with its signer's certificate inside. Raises PlatformError."""


for _library in ("pyhanko", "pyhanko_certvalidator"):  # what they would say on stderr, our errors say
    logging.getLogger(_library).addHandler(logging.NullHandler())


class Sealer(Protocol):
    """A body's seal: ECDSA on P-256 with SHA-256."""

    @property
    def chain(self) -> Sequence[Certificate]:
        """The certificate of the key first."""

    def sign(self, data: bytes) -> bytes:
        """DER. Raises Unavailable while the key cannot be used."""


def seal_pdf(pdf: bytes, sealer: Sealer, stamp: TimeStamper | None = None) -> bytes:
    """The paper with the seal behind it, after which no change is allowed. Blocks.

    stamp: over the signature, which then tells when. While no authority gives one the paper goes out without, as decisions do, and
    whoever checks it is told so; that of the next paper is asked for again.
    Raises as `Sealer.sign` does.
    """
    from asn1crypto import cms, x509
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import signers
    from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    class Signer(signers.Signer):
        async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
            return sealer.sign(data)

        async def unsigned_attrs(
            self, digest_algorithm: str, signature: bytes, *_more: object, **_named: object
        ) -> cms.CMSAttributes | None:
            if stamp is None:
                return None
            try:
                async with asyncio.timeout(STAMP_SECONDS):
                    token = await stamp(signature)
            except (PlatformError, TimeoutError):
                return None
            if 2 * len(token) > STAMP_BYTES:
                return None
            held = {"type": STAMP, "values": [cms.ContentInfo.load(token)]}
            return cms.CMSAttributes([cms.CMSAttribute(held)])

    first, *others = [x509.Certificate.load(der(certificate)) for certificate in sealer.chain]
    known = SimpleCertificateStore()  # type: ignore[no-untyped-call]  # the library leaves it so
    known.register_multiple(others)
    metadata = signers.PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm="sha256",
        subfilter=SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=MDPPerm.NO_CHANGES,
    )
    signer = signers.PdfSigner(
        metadata, Signer(signing_cert=first, cert_registry=known), new_field_spec=SigFieldSpec(FIELD)
    )
    room = SEAL_BYTES if stamp is None else SEAL_BYTES + STAMP_BYTES
    sealed = signer.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf)), bytes_reserved=room)
    return bytes(sealed.getvalue())


def verify_sealed_pdf(pdf: bytes, named: Sequence[Certificate], *, body: str, at: datetime) -> SealedBy:
    """The one seal that covers the whole file. body: which the paper names, `INSTANCE/CLASS/CODE`; the rest as of
    `sild.pki.verify_seal`.

    Blocks; not within an event loop.
    Raises PeerError (`not_a_paper`), TrustError (`not_sealed`, `bad_seal`, `another_body`, `untrusted_seal`).
    """
    from pyhanko.sign.validation import SignatureCoverageLevel, validate_pdf_signature
    from pyhanko_certvalidator import ValidationContext

    with _foreign_errors():
        found = list(_reader(pdf).embedded_signatures)
        if len(found) != 1:
            raise TrustError("a paper has one seal", code="not_sealed")
        nobody = ValidationContext(trust_roots=[], moment=at, allow_fetching=False)  # whom to trust we say
        status = validate_pdf_signature(found[0], signer_validation_context=nobody)
        value, token = _signed(found[0])
        chain = certificates_of_sole_signer(_contents(pdf, found[0]))
    whole = status.coverage == SignatureCoverageLevel.ENTIRE_FILE
    if not (status.intact and status.valid and whole and status.docmdp_ok):
        raise TrustError("the paper was changed after it was sealed", code="bad_seal")
    return verify_seal(chain, named, body=body, at=at, value=value, time_stamp=token)


def _signed(found: EmbeddedPdfSignature) -> tuple[bytes, bytes | None]:
    """The signature value, and the time-stamp over it, if there is one. Raises TrustError (`bad_seal`): more than one, or anything
    else that the signature does not cover."""
    signer: cms.SignerInfo = found.signer_info
    attributes = signer["unsigned_attrs"]
    others = [one for one in attributes or () if one["type"].native != STAMP]
    tokens = [value.dump() for one in attributes or () for value in one["values"]]
    if others or len(tokens) > 1:
        raise TrustError("a seal has one time-stamp", code="bad_seal")
    return signer["signature"].native, tokens[0] if tokens else None


def _contents(pdf: bytes, found: EmbeddedPdfSignature) -> bytes:
    """CMS, in the one place of the file that it does not cover itself: DER in hexadecimal digits and as many zeros as there is room."""
    from asn1crypto import cms

    start, before, after, length = map(int, found.byte_range)
    held = bytes.fromhex(pdf[before + 1 : after - 1].decode("ascii"))
    contents: bytes = cms.ContentInfo.load(held).dump()
    whole = b"<" + contents.ljust(len(held), b"\0").hex().upper().encode() + b">"
    if (start, after + length) != (0, len(pdf)) or pdf[before:after] != whole:
        raise TrustError("the seal has another spelling", code="bad_seal")
    return contents


def credential_in(pdf: bytes) -> str:
    """The presentation a paper holds beside its code. Raises PeerError (`not_a_paper`)."""
    with _foreign_errors():
        return _attached(pdf, ATTACHMENT).decode("ascii")


def structured_in(pdf: bytes) -> bytes:
    """What a piece of evidence says, for machines: XML. Raises PeerError (`not_a_paper`)."""
    with _foreign_errors():
        return _attached(pdf, STRUCTURED)


def _attached(pdf: bytes, name: str) -> bytes:
    names = _reader(pdf).root["/Names"]["/EmbeddedFiles"]["/Names"]
    held = {str(names[at]): names[at + 1] for at in range(0, len(names), 2)}
    return bytes(held[name]["/EF"]["/F"].data)


def _reader(pdf: bytes) -> PdfFileReader:
    from pyhanko.pdf_utils.reader import PdfFileReader

    if len(pdf) > MAX_PDF_BYTES:
        raise PeerError("larger than any paper", code="not_a_paper")
    return PdfFileReader(io.BytesIO(pdf))


@contextmanager
def _foreign_errors() -> Iterator[None]:
    """A hostile file makes a reader of PDF fail in many ways; all of them mean that it is none."""
    try:
        yield
    except PlatformError:
        raise
    except Exception as error:
        raise PeerError("not a paper of ours", code="not_a_paper") from error
