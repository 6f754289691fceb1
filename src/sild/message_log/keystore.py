"""The keystore of the log's secrets: PKCS#12 (RFC 7292) with secret bags, as Java's keytool writes it for X-Road (UG-SS 11.1.3).

`cryptography` reads and writes PKCS#12 with private keys and certificates, but not with secrets; so the frame is read here,
with its declarative DER, and its primitives open the bags: PBES2 with AES-CBC (Java since 2021), or 3DES under the standard's
own key derivation (before). A key is added behind what is there, which stays byte for byte.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from typing import Annotated, TypeVar

from cryptography.hazmat import asn1
from cryptography.hazmat.asn1 import TLV, Default, Explicit, Null, SetOf
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.x509 import ObjectIdentifier

from sild.errors import CallerError

__all__ = ["SALT_SIZE", "add_secret", "read_keystore"]

SALT_SIZE = 20
MAX_ITERATIONS = 10_000_000
ITERATIONS = 10_000  # Java's
MAX_KEYSTORE_BYTES = 1024 * 1024
_DATA = ObjectIdentifier("1.2.840.113549.1.7.1")
_SHROUDED_KEY_BAG = ObjectIdentifier("1.2.840.113549.1.12.10.1.2")
_SECRET_BAG = ObjectIdentifier("1.2.840.113549.1.12.10.1.5")
_FRIENDLY_NAME = ObjectIdentifier("1.2.840.113549.1.9.20")
_LOCAL_KEY_ID = ObjectIdentifier("1.2.840.113549.1.9.21")
_PBES2 = ObjectIdentifier("1.2.840.113549.1.5.13")
_PBKDF2 = ObjectIdentifier("1.2.840.113549.1.5.12")
_SHA1_3DES = ObjectIdentifier("1.2.840.113549.1.12.1.3")
_AES = ObjectIdentifier("2.16.840.1.101.3.4.1")  # the name Java gives an AES key
_SHA256 = ObjectIdentifier("2.16.840.1.101.3.4.2.1")
_AES256_CBC = ObjectIdentifier("2.16.840.1.101.3.4.1.42")
_HMAC_SHA256 = ObjectIdentifier("1.2.840.113549.2.9")
_AES_KEY_BYTES = {
    ObjectIdentifier("2.16.840.1.101.3.4.1.2"): 16,
    ObjectIdentifier("2.16.840.1.101.3.4.1.22"): 24,
    _AES256_CBC: 32,
}
_PRF = {
    ObjectIdentifier("1.2.840.113549.2.7"): hashes.SHA1(),  # noqa: S303 - in an HMAC
    _HMAC_SHA256: hashes.SHA256(),
    ObjectIdentifier("1.2.840.113549.2.10"): hashes.SHA384(),
    ObjectIdentifier("1.2.840.113549.2.11"): hashes.SHA512(),
}
_DIGESTS = {
    ObjectIdentifier("1.3.14.3.2.26"): "sha1",
    _SHA256: "sha256",
    ObjectIdentifier("2.16.840.1.101.3.4.2.2"): "sha384",
    ObjectIdentifier("2.16.840.1.101.3.4.2.3"): "sha512",
}
_MAC_KEY, _CIPHER_KEY, _CIPHER_IV = 3, 1, 2  # RFC 7292 B.3
Structure = TypeVar("Structure")


@asn1.sequence
class _Named:
    algorithm: ObjectIdentifier
    parameters: Null | None = None


@asn1.sequence
class _Algorithm:
    algorithm: ObjectIdentifier
    parameters: TLV


@asn1.sequence
class _ContentInfo:
    content_type: ObjectIdentifier
    content: Annotated[TLV, Explicit(0)]


@asn1.sequence
class _DigestInfo:
    algorithm: _Named
    digest: bytes


@asn1.sequence
class _MacData:
    mac: _DigestInfo
    salt: bytes
    iterations: Annotated[int, Default(1)] = 1


@asn1.sequence
class _Pfx:
    version: int
    auth_safe: _ContentInfo
    mac_data: _MacData | None = None


@asn1.sequence
class _Attribute:
    type: ObjectIdentifier
    values: SetOf[TLV]


@asn1.sequence
class _SafeBag:
    bag_id: ObjectIdentifier
    bag_value: Annotated[TLV, Explicit(0)]
    attributes: SetOf[_Attribute] | None = None


@asn1.sequence
class _Safes:
    """One list, as the coder has no list on its own."""

    items: list[_ContentInfo]


@asn1.sequence
class _Bags:
    items: list[_SafeBag]


@asn1.sequence
class _SecretBag:
    secret_type: ObjectIdentifier
    secret_value: Annotated[bytes, Explicit(0)]


@asn1.sequence
class _EncryptedKey:
    algorithm: _Algorithm
    data: bytes


@asn1.sequence
class _Key:
    version: int
    algorithm: TLV
    key: bytes


@asn1.sequence
class _Pbes2:
    key_derivation: _Algorithm
    encryption: _Algorithm


@asn1.sequence
class _Pbkdf2:
    salt: bytes
    iterations: int
    key_length: int | None = None
    prf: _Named | None = None


@asn1.sequence
class _Pkcs12Parameters:
    salt: bytes
    iterations: int


def read_keystore(data: bytes, password: str) -> dict[str, bytes]:
    """Secrets by alias (Java's are in lower case). Entries that are no secrets are passed over.

    Raises CallerError (`bad_request`): not a keystore, another password, a cipher that is not known.
    """
    try:
        safes = _open(data, password)
        secrets: dict[str, bytes] = {}
        for safe in safes:
            if safe.content_type != _DATA:
                continue  # encrypted: certificates
            for bag in _decode(_Bags, _within(_octets(safe.content))).items:
                if bag.bag_id == _SECRET_BAG:
                    secret = _decode(_SecretBag, _element(bag.bag_value))
                    secrets[_alias(bag)] = _unlock(_decode(_EncryptedKey, secret.secret_value), password)
    except (ValueError, OverflowError) as error:
        raise CallerError(f"the keystore cannot be read: {error}", code="bad_request") from error
    return secrets


def add_secret(
    data: bytes | None, password: str, alias: str, secret: bytes, *, at: datetime, random: bytes
) -> bytes:
    """The keystore `data` (None: a new one) with a secret more, which keytool lists as `SecretKeyEntry`.

    random: 56 unpredictable bytes, never used before. Raises CallerError (`bad_request`): as above; there is one of that name.
    """
    mac_salt, salt, iv = random[:SALT_SIZE], random[SALT_SIZE : 2 * SALT_SIZE], random[2 * SALT_SIZE :]
    if len(iv) != 16:
        raise ValueError("56 random bytes")
    if not alias or alias != alias.lower() or not alias.isprintable():
        raise CallerError("a key's name is printable and in lower case, as Java keeps it", code="bad_request")
    safes: list[_ContentInfo] = []
    if data is not None:
        if alias in read_keystore(data, password):
            raise CallerError(f"the keystore has a key {alias} already", code="bad_request")
        safes = _open(data, password)
    bag = _SafeBag(
        bag_id=_SECRET_BAG,
        bag_value=_tlv(
            _SecretBag(secret_type=_SHROUDED_KEY_BAG, secret_value=_lock(secret, password, salt, iv))
        ),
        attributes=_attributes(alias, at),
    )
    safes.append(_wrapped(_without(_Bags(items=[bag]))))
    content = _without(_Safes(items=safes))
    mac = _mac(content, password, mac_salt, ITERATIONS, "sha256")
    mac_data = _MacData(
        mac=_DigestInfo(algorithm=_Named(algorithm=_SHA256, parameters=Null()), digest=mac),
        salt=mac_salt,
        iterations=ITERATIONS,
    )
    return asn1.encode_der(_Pfx(version=3, auth_safe=_wrapped(content), mac_data=mac_data))


def _open(data: bytes, password: str) -> list[_ContentInfo]:
    """Raises ValueError, also when the MAC is another: then the password is, as a rule."""
    if len(data) > MAX_KEYSTORE_BYTES:
        raise ValueError("it is too large")
    pfx = _decode(_Pfx, data)
    if pfx.version != 3 or pfx.auth_safe.content_type != _DATA or pfx.mac_data is None:
        raise ValueError("it is no PKCS#12 under a password")
    content, mac = _octets(pfx.auth_safe.content), pfx.mac_data
    digest = _DIGESTS.get(mac.mac.algorithm.algorithm)
    if digest is None:
        raise ValueError("its MAC is of an unknown kind")
    if not hmac.compare_digest(_mac(content, password, mac.salt, mac.iterations, digest), mac.mac.digest):
        raise ValueError("the password is another")
    return _decode(_Safes, _within(content)).items


def _unlock(locked: _EncryptedKey, password: str) -> bytes:
    parameters = locked.algorithm.parameters
    if locked.algorithm.algorithm == _PBES2:
        pbes2 = _decode(_Pbes2, _element(parameters))
        plain = _decrypt(_pbes2_cipher(pbes2, password), 128, locked.data)
    elif locked.algorithm.algorithm == _SHA1_3DES:
        old = _decode(_Pkcs12Parameters, _element(parameters))
        key = _derive(_CIPHER_KEY, password, old.salt, old.iterations, "sha1", 24)
        iv = _derive(_CIPHER_IV, password, old.salt, old.iterations, "sha1", 8)
        plain = _decrypt(Cipher(TripleDES(key), CBC(iv)), 64, locked.data)
    else:
        raise ValueError("a secret under an unknown cipher")
    return _decode(_Key, plain).key


def _decrypt(cipher: Cipher[CBC], block_bits: int, data: bytes) -> bytes:
    decryptor, unpadder = cipher.decryptor(), padding.PKCS7(block_bits).unpadder()
    return unpadder.update(decryptor.update(data) + decryptor.finalize()) + unpadder.finalize()


def _pbes2_cipher(pbes2: _Pbes2, password: str) -> Cipher[CBC]:
    derivation, encryption = pbes2.key_derivation, pbes2.encryption
    size = _AES_KEY_BYTES.get(encryption.algorithm)
    if (
        derivation.algorithm != _PBKDF2
        or size is None
        or not (derivation.parameters and encryption.parameters)
    ):
        raise ValueError("a secret under an unknown cipher")
    pbkdf2 = _decode(_Pbkdf2, _element(derivation.parameters))
    prf = hashes.SHA1() if pbkdf2.prf is None else _PRF.get(pbkdf2.prf.algorithm)  # noqa: S303 - in an HMAC
    if prf is None or not 1 <= pbkdf2.iterations <= MAX_ITERATIONS:
        raise ValueError("a secret under an unknown key derivation")
    key = PBKDF2HMAC(prf, size, pbkdf2.salt, pbkdf2.iterations).derive(password.encode())
    return Cipher(AES(key), CBC(_octets(encryption.parameters)))


def _lock(secret: bytes, password: str, salt: bytes, iv: bytes) -> bytes:
    """PBES2: PBKDF2 with HMAC-SHA256, AES-256-CBC, as Java does today."""
    key = PBKDF2HMAC(hashes.SHA256(), 32, salt, ITERATIONS).derive(password.encode())
    plain = asn1.encode_der(_Key(version=0, algorithm=_tlv(_Named(algorithm=_AES)), key=secret))
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(AES(key), CBC(iv)).encryptor()
    locked = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
    prf = _Named(algorithm=_HMAC_SHA256, parameters=Null())
    derivation = _Pbkdf2(salt=salt, iterations=ITERATIONS, key_length=32, prf=prf)
    pbes2 = _Pbes2(
        key_derivation=_Algorithm(algorithm=_PBKDF2, parameters=_tlv(derivation)),
        encryption=_Algorithm(algorithm=_AES256_CBC, parameters=_tlv(iv)),
    )
    algorithm = _Algorithm(algorithm=_PBES2, parameters=_tlv(pbes2))
    return asn1.encode_der(_EncryptedKey(algorithm=algorithm, data=locked))


def _attributes(alias: str, at: datetime) -> SetOf[_Attribute]:
    """Java takes the entry's name from the one and insists on the other."""
    name = alias.encode("utf-16-be")
    if len(name) > 0x7F:
        raise CallerError("the key's name is too long", code="bad_request")
    bmp_string = asn1.decode_der(TLV, bytes((0x1E, len(name))) + name)
    time = f"Time {int(at.timestamp() * 1000)}".encode()
    return SetOf(
        [
            _Attribute(type=_FRIENDLY_NAME, values=SetOf([bmp_string])),
            _Attribute(type=_LOCAL_KEY_ID, values=SetOf([_tlv(time)])),
        ]
    )


def _alias(bag: _SafeBag) -> str:
    for attribute in () if bag.attributes is None else bag.attributes.as_list():
        if attribute.type == _FRIENDLY_NAME:
            return bytes(attribute.values.as_list()[0].data).decode("utf-16-be")
    raise ValueError("a secret without a name")


def _mac(content: bytes, password: str, salt: bytes, iterations: int, digest: str) -> bytes:
    key = _derive(_MAC_KEY, password, salt, iterations, digest, hashlib.new(digest).digest_size)
    return hmac.digest(key, content, digest)


def _derive(purpose: int, password: str, salt: bytes, iterations: int, digest: str, size: int) -> bytes:
    """RFC 7292 B.2, in its letters."""
    if not 1 <= iterations <= MAX_ITERATIONS or not salt:
        raise ValueError("a key derivation that cannot be")
    v = hashlib.new(digest).block_size
    p = password.encode("utf-16-be") + b"\0\0"
    i = b"".join(
        part * (-(-len(part) // v) * v // len(part)) + part[: -(-len(part) // v) * v % len(part)]
        for part in (salt, p)
    )
    out = b""
    while len(out) < size:
        a = bytes((purpose,)) * v + i
        for _ in range(iterations):
            a = hashlib.new(digest, a).digest()
        out += a
        b = int.from_bytes((a * (v // len(a) + 1))[:v], "big") + 1
        blocks = (int.from_bytes(i[start : start + v], "big") for start in range(0, len(i), v))
        i = b"".join(((block + b) % 2 ** (8 * v)).to_bytes(v, "big") for block in blocks)
    return out[:size]


def _wrapped(data: bytes) -> _ContentInfo:
    return _ContentInfo(content_type=_DATA, content=_tlv(data))


def _within(data: bytes) -> bytes:
    """The one element `data` as the content of a SEQUENCE."""
    size = len(data)
    width = (size.bit_length() + 7) // 8
    return (
        b"\x30"
        + (bytes((size,)) if size < 0x80 else bytes((0x80 | width,)) + size.to_bytes(width, "big"))
        + data
    )


def _without(value: _Safes | _Bags) -> bytes:
    return bytes(asn1.decode_der(TLV, asn1.encode_der(value)).data)


def _decode(kind: type[Structure], data: bytes) -> Structure:
    return asn1.decode_der(kind, data)


def _tlv(value: object) -> TLV:
    return asn1.decode_der(TLV, asn1.encode_der(value))


def _octets(element: TLV) -> bytes:
    data: bytes = element.parse(bytes)
    return data


def _element(element: TLV) -> bytes:
    """The whole of it, as it was encoded."""
    return asn1.encode_der(element)
