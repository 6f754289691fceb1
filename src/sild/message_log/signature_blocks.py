"""What recurs in signatures is stored once: all but four values of a signature stay the same from message to message (ADR 0021).

A signer's signatures differ in two digests, the value and the time; certificate, policy, OCSP responses and the names between
them make nine tenths. A record keeps its four values, the id of the block with the rest, and a digest of the whole, so that
the signature comes back byte for byte or not at all.

A block is written when it is seen for the second time: whoever signs differently each time fills no table. It bears the id of
the record it came with and is written in that record's transaction. Only records whose time is within a day of the block's use
it: once the oldest record is younger than that, nobody needs it (`Store.clean`).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256, sha512

from sild.errors import Unavailable

__all__ = ["BLOCK_MILLISECONDS", "SignatureBlocks", "SignatureForm", "join_signature", "signature_form"]

BLOCK_MILLISECONDS = 86_400_000
MAX_BLOCKS = 4096  # remembered
MAX_LENGTHS = 256  # of signatures whose forms are remembered
FORMS_OF_A_LENGTH = 8
DIGEST_SIZE = 32
_CUTS = struct.Struct(">8I")  # begin and end of each value in the whole
_VALUES = (  # in their order in the document
    (b"<ds:DigestValue>", b"</ds:DigestValue>"),  # of the message or the hash chain's result
    (b"<ds:DigestValue>", b"</ds:DigestValue>"),  # of the signed properties
    (b'<ds:SignatureValue Id="signature-value">', b"</ds:SignatureValue>"),
    (b"<xades:SigningTime>", b"</xades:SigningTime>"),
)


@dataclass(frozen=True, slots=True)
class SignatureForm:
    """What recurs. cuts: begin and end of each value.  around: what stands before each, and behind the last."""

    cuts: tuple[int, ...]
    around: tuple[bytes, ...]
    name: bytes

    def values(self, signature: bytes) -> bytes | None:
        """The values of `signature`, or None if it is not of this form: that costs less than looking for them anew."""
        begin0, end0, begin1, end1, begin2, end2, begin3, end3 = self.cuts
        first, second, third, fourth, last = self.around
        if not (
            signature.startswith(fourth, end2)  # the certificate is in it
            and signature.startswith(last, end3)  # and the OCSP response here
            and signature.startswith(first)
            and signature.startswith(second, end0)
            and signature.startswith(third, end1)
            and len(signature) == end3 + len(last)
        ):
            return None
        return b"".join(
            (signature[begin0:end0], signature[begin1:end1], signature[begin2:end2], signature[begin3:end3])
        )

    def block(self) -> bytes:
        return b"".join((_CUTS.pack(*self.cuts), *self.around))


def signature_form(signature: bytes) -> SignatureForm | None:
    """None when the signature has not the form X-Road gives it: it is kept whole."""
    cuts: list[int] = []
    around: list[bytes] = []
    end = 0
    for before, after in _VALUES:
        begin = signature.find(before, end)
        if begin < 0:
            return None
        begin += len(before)
        around.append(signature[end:begin])
        end = signature.find(after, begin)
        if end < 0:
            return None
        cuts += (begin, end)
    around.append(signature[end:])
    name = sha256(b"".join((_CUTS.pack(*cuts), *around))).digest()
    return SignatureForm(tuple(cuts), tuple(around), name)


def join_signature(own: bytes, block: bytes | None, digest: bytes) -> bytes:
    """The signature as it was logged. digest: `signature_digest`. Raises Unavailable (`database_error`): it is not that."""
    if block is not None and len(block) >= _CUTS.size:
        cuts = _CUTS.unpack_from(block)
        parts: list[bytes] = []
        taken, position, end = 0, _CUTS.size, 0
        for begin, next_end in zip(cuts[::2], cuts[1::2], strict=True):
            parts += (block[position : position + begin - end], own[taken : taken + next_end - begin])
            position, taken, end = position + begin - end, taken + next_end - begin, next_end
        signature = b"".join((*parts, block[position:]))
        if sha512(signature).digest()[:DIGEST_SIZE] == digest:
            return signature
    raise Unavailable("a signature in the message log is damaged", code="database_error")


class SignatureBlocks:
    """Which blocks this process has written. Used by the writer's thread alone; one round for each transaction."""

    def __init__(self) -> None:
        self._forms: dict[int, list[SignatureForm]] = {}  # by the signature's length
        self._seen: set[bytes] = set()
        self._written: dict[bytes, tuple[int, int]] = {}  # digest of the block: its id and time
        self._fresh: dict[bytes, tuple[int, int]] = {}
        self._rows: list[tuple[int, int, bytes]] = []

    def begin(self) -> None:
        """A transaction begins; what an earlier one meant to write and did not is forgotten."""
        self._fresh.clear()
        self._rows.clear()

    def committed(self) -> None:
        if self._fresh:
            if len(self._written) + len(self._fresh) > MAX_BLOCKS:
                self._written.clear()
            self._written.update(self._fresh)
        self.begin()

    def take(
        self, record_id: int, time: int, signature: bytes, signature_hash: bytes
    ) -> tuple[bytes, int | None, bytes | None]:
        """(own part, block's id, `signature_digest`) of a record of `time` (ms); the whole signature if it is not split.

        signature_hash: SHA-512 of the signature.
        """
        form, own = self._form(signature)
        if form is None:
            return signature, None, None
        block_id, since = self._fresh.get(form.name) or self._written.get(form.name) or (0, 0)
        if not block_id or not since <= time < since + BLOCK_MILLISECONDS:
            if form.name not in self._seen:
                self._remember(form.name)
                return signature, None, None
            block_id = record_id
            self._fresh[form.name] = (record_id, time)
            self._rows.append((record_id, time, form.block()))
        return own, block_id, signature_hash[:DIGEST_SIZE]

    def _form(self, signature: bytes) -> tuple[SignatureForm | None, bytes]:
        """Of the forms met lately, or found anew; and the values."""
        lately = self._forms.setdefault(len(signature), [])
        for form in lately:
            if (own := form.values(signature)) is not None:
                return form, own
        found = signature_form(signature)
        if found is None or (own := found.values(signature)) is None:
            return None, b""
        if len(self._forms) > MAX_LENGTHS:
            self._forms.clear()
        lately.insert(0, found)
        del lately[FORMS_OF_A_LENGTH:]
        return found, own

    def fresh(self) -> Sequence[tuple[int, int, bytes]]:
        """Rows (id, time, data) that must be written with the records taken since `begin`."""
        return self._rows

    def _remember(self, name: bytes) -> None:
        if len(self._seen) >= MAX_BLOCKS:
            self._seen.clear()
        self._seen.add(name)
