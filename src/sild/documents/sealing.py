"""A paper's seal: PAdES baseline B-B (EN 319 142-1) by the key of the body that issues it, and what a reader finds in a paper.

The seal stands behind the paper in the same file (an incremental update), so the paper's own bytes stay as they were set.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from sild.errors import PeerError, PlatformError, TrustError
from sild.pki import Certificate, der

if TYPE_CHECKING:
    from pyhanko.pdf_utils.reader import PdfFileReader

__all__ = ["MAX_PDF_BYTES", "PaperSeal", "Sealer", "credential_in", "seal_pdf", "verify_sealed_pdf"]

MAX_PDF_BYTES = 4 << 20
FIELD = "Seal"
ATTACHMENT = "credential.sd-jwt"  # as in templates/look.typ
SEAL_BYTES = 12_288
"""Room for the signature and its certificates: known before it is made, so that nothing is signed twice."""


for _library in ("pyhanko", "pyhanko_certvalidator"):  # what they would say on stderr, our errors say
    logging.getLogger(_library).addHandler(logging.NullHandler())


class Sealer(Protocol):
    """A body's seal: ECDSA on P-256 with SHA-256."""

    @property
    def chain(self) -> Sequence[Certificate]:
        """The certificate of the key first."""

    def sign(self, data: bytes) -> bytes:
        """DER. Raises Unavailable while the key cannot be used."""


@dataclass(frozen=True, slots=True)
class PaperSeal:
    """authority: organizationIdentifier of the certificate, `INSTANCE/CLASS/CODE`.  trusted: its certificate leads to one of ours."""

    authority: str
    name: str
    trusted: bool


def seal_pdf(pdf: bytes, sealer: Sealer) -> bytes:
    """The paper with the seal behind it, after which no change is allowed. The seal's time is the machine's: no authority vouches
    for it. Raises as `Sealer.sign` does."""
    from asn1crypto import x509
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import signers
    from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    class Signer(signers.Signer):
        async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
            return sealer.sign(data)

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
    sealed = signer.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf)), bytes_reserved=SEAL_BYTES)
    return bytes(sealed.getvalue())


def verify_sealed_pdf(pdf: bytes, trusted: Sequence[Certificate], *, at: datetime) -> PaperSeal:
    """The one seal that covers the whole file. trusted: authorities, or the seal's own certificate. Offline: revocation is not asked.

    Blocks; not within an event loop.
    Raises PeerError (`not_a_paper`), TrustError (`not_sealed`, `bad_seal`).
    """
    from asn1crypto import x509
    from pyhanko.sign.validation import SignatureCoverageLevel, validate_pdf_signature
    from pyhanko_certvalidator import ValidationContext

    with _foreign_errors():
        found = list(_reader(pdf).embedded_signatures)
        if len(found) != 1:
            raise TrustError("a paper has one seal", code="not_sealed")
        roots = [x509.Certificate.load(der(certificate)) for certificate in trusted]
        context = ValidationContext(
            trust_roots=roots, moment=at, allow_fetching=False, revocation_mode="soft-fail"
        )
        status = validate_pdf_signature(found[0], signer_validation_context=context)
        certificate = found[0].signer_cert
        subject = certificate.subject.native
        in_time = (
            certificate.not_valid_before <= at <= certificate.not_valid_after
        )  # of a root nobody else asks
    whole = status.coverage == SignatureCoverageLevel.ENTIRE_FILE
    if not (status.intact and status.valid and whole and status.docmdp_ok):
        raise TrustError("the paper was changed after it was sealed", code="bad_seal")
    return PaperSeal(
        authority=str(subject.get("organization_identifier", "")),
        name=str(subject.get("organization_name", "")),
        trusted=status.trusted and in_time,
    )


def credential_in(pdf: bytes) -> str:
    """The presentation a paper holds beside its code. Raises PeerError (`not_a_paper`)."""
    with _foreign_errors():
        names = _reader(pdf).root["/Names"]["/EmbeddedFiles"]["/Names"]
        held = {str(names[at]): names[at + 1] for at in range(0, len(names), 2)}
        return bytes(held[ATTACHMENT]["/EF"]["/F"].data).decode("ascii")


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
