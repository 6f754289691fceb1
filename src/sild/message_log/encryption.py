"""Encryption of bodies at rest, X-Road's scheme (WIRE 17): AES-128-CTR, keys from a keystore's secret, counters from ids.

    key material = HKDF-SHA512(secret, salt = key id, info empty): bytes 0-15 messages, 16-31 attachments
    first counter block = record id (8 bytes) | attachment number - 1 (4 bytes; messages 0) | 0000

A record's id is never given twice, so neither is a key stream: one keystore for one log, never two. Each record keeps the id
of its key, so that keys may be changed and old records read. CTR can begin anywhere: attachments are read in pieces.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sild.errors import CallerError, Unavailable
from sild.message_log.entries import PIECE_SIZE
from sild.message_log.keystore import read_keystore

__all__ = ["BodyEncryption"]

KEY_SIZE = 16
BLOCK_SIZE = 16
MAX_BLOCKS = 2**32  # of one attachment: the next number's key stream begins there


class BodyEncryption:
    """secrets: by key id.  key_id: what new records are encrypted with; None: nothing is, old records are read.

    Raises CallerError (`bad_request`) when there is no such key.
    """

    def __init__(self, secrets: Mapping[str, bytes], key_id: str | None) -> None:
        if key_id is not None and key_id not in secrets:
            raise CallerError(f"the message log's keystore has no key {key_id}", code="bad_request")
        self.key_id = key_id
        self._keys = {name: _derive(secret, name) for name, secret in secrets.items()}

    @classmethod
    def from_keystore(cls, file: Path, password: str, key_id: str | None) -> BodyEncryption:
        """Raises CallerError (`bad_request`): the file, the password, the key id."""
        try:
            data = file.read_bytes()
        except OSError as error:
            raise CallerError(f"{file}: {error.strerror or error}", code="bad_request") from error
        return cls(read_keystore(data, password), key_id)

    @property
    def key_ids(self) -> tuple[str, ...]:
        return tuple(self._keys)

    def message(self, key_id: str, record_id: int, data: bytes) -> bytes:
        """Encrypts, and decrypts what is encrypted. Raises Unavailable (`database_error`) for a key that is not there."""
        return _apply(self._of(key_id)[0], record_id, 0, 0, data)

    def piece(self, key_id: str, record_id: int, attachment_no: int, piece_no: int, data: bytes) -> bytes:
        """The same for a piece of an attachment (numbered from 1), pieces from 0 and PIECE_SIZE long."""
        first_block = piece_no * (PIECE_SIZE // BLOCK_SIZE)
        if first_block + len(data) // BLOCK_SIZE >= MAX_BLOCKS:
            raise ValueError("an attachment too long to be encrypted")
        return _apply(self._of(key_id)[1], record_id, attachment_no - 1, first_block, data)

    def _of(self, key_id: str) -> tuple[AES, AES]:
        keys = self._keys.get(key_id)
        if keys is None:
            raise Unavailable(f"the message log's keystore has no key {key_id}", code="database_error")
        return keys


def _derive(secret: bytes, key_id: str) -> tuple[AES, AES]:
    material = HKDF(SHA512(), 2 * KEY_SIZE, salt=key_id.encode(), info=b"").derive(secret)
    return AES(material[:KEY_SIZE]), AES(material[KEY_SIZE:])


def _apply(key: AES, record_id: int, number: int, first_block: int, data: bytes) -> bytes:
    counter = record_id.to_bytes(8, "big") + number.to_bytes(4, "big") + first_block.to_bytes(4, "big")
    stream = Cipher(key, CTR(counter)).encryptor()
    return stream.update(data) + stream.finalize()
