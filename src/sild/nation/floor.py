"""The cryptographic floor of one small REST exchange, measured: what no implementation can go below.

With connections kept alive and chain and OCSP verdicts remembered, both servers together must still make two signatures,
check two, hash about 24 KB (message, body, signed properties, hash chain result and log rows on both servers) and pass
about 20 KB through TLS records on both ends. Everything else is our overhead, and is reported as a multiple of this.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sild.pki import PrivateKey, algorithm_for, sign_bytes, verify_bytes

__all__ = ["Floor", "measure_floor"]

HASHED_BYTES = 24_000
TLS_BYTES = 20_000
SIGNED_BYTES = b"canonical SignedInfo".ljust(900, b".")


@dataclass(frozen=True, slots=True)
class Floor:
    """Microseconds of one core. `exchange` is two signatures, two verifications, the hashing and both ends of TLS."""

    key: str
    sign: float
    verify: float
    digest: float
    tls_records: float

    @property
    def exchange(self) -> float:
        return 2 * self.sign + 2 * self.verify + self.digest + self.tls_records


def measure_floor(key: str, *, seconds: float = 0.25) -> Floor:
    """Measure for `key` ("RSA-2048" or "EC-P256"), spending about `seconds` on each operation."""
    private: PrivateKey
    if key == "RSA-2048":
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    else:
        private = ec.generate_private_key(ec.SECP256R1())
    algorithm = algorithm_for(private)
    public = private.public_key()
    signature = sign_bytes(private, algorithm, SIGNED_BYTES)
    hashed = os.urandom(HASHED_BYTES)
    record = os.urandom(TLS_BYTES)
    cipher = AESGCM(AESGCM.generate_key(256))
    nonce = os.urandom(12)
    sealed = cipher.encrypt(nonce, record, None)

    def both_ends() -> None:
        cipher.encrypt(nonce, record, None)
        cipher.decrypt(nonce, sealed, None)

    return Floor(
        key=key,
        sign=_microseconds(lambda: sign_bytes(private, algorithm, SIGNED_BYTES), seconds),
        verify=_microseconds(lambda: verify_bytes(public, algorithm, signature, SIGNED_BYTES), seconds),
        digest=_microseconds(lambda: hashlib.sha512(hashed).digest(), seconds),
        tls_records=_microseconds(both_ends, seconds),
    )


def _microseconds(operation: Callable[[], object], seconds: float) -> float:
    """CPU time of one `operation`: the best of several rounds, so that a neighbour's noise does not count."""
    rounds, best = 8, float("inf")
    count = 1
    while True:
        start = time.process_time()
        for _ in range(count):
            operation()
        taken = time.process_time() - start
        if taken > seconds / rounds / 2:
            break
        count *= 2
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(count):
            operation()
        best = min(best, (time.process_time() - start) / count)
    return best * 1e6
