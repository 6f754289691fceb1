"""Keys on a PKCS#11 token: finding them, their public halves, making and destroying them, signing. All in the library's thread.

Messages are hashed here and the device signs digests (CKM_RSA_PKCS, CKM_RSA_PKCS_PSS, CKM_ECDSA), as in X-Road: every device
has these mechanisms, and no message travels to it. Raises PKCS11Error where not said otherwise.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import pkcs11
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from pkcs11 import MGF, Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.attributes import AttributeMapper
from pkcs11.types import SignMixin
from pkcs11.util.ec import encode_named_curve_parameters

from sild.errors import TrustError, Unavailable
from sild.pki import DigestAlgorithm, PublicKey, SignatureAlgorithm, ecdsa_der_from_raw
from sild.signer.devices import Pkcs11Device
from sild.signer.tokens import KeyAlgorithm, TokenKey, key_id_of

__all__ = ["HeldKey", "attribute_mapper", "destroy_key", "find_keys", "generate_key", "sign_with"]

_DIGEST_INFO = {  # RFC 8017 9.2, note 1: what stands before the digest
    DigestAlgorithm.SHA256: bytes.fromhex("3031300d060960864801650304020105000420"),
    DigestAlgorithm.SHA384: bytes.fromhex("3041300d060960864801650304020205000430"),
    DigestAlgorithm.SHA512: bytes.fromhex("3051300d060960864801650304020305000440"),
}
_PSS_PARAMETERS = {
    DigestAlgorithm.SHA256: (Mechanism.SHA256, MGF.SHA256, 32),
    DigestAlgorithm.SHA384: (Mechanism.SHA384, MGF.SHA384, 48),
    DigestAlgorithm.SHA512: (Mechanism.SHA512, MGF.SHA512, 64),
}
_CURVES: dict[bytes, ec.EllipticCurve] = {
    encode_named_curve_parameters(curve.name): curve
    for curve in (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1())
}
_PUBLIC_ATTRIBUTES = {
    "pub_key_attribute_encrypt": Attribute.ENCRYPT,
    "pub_key_attribute_verify": Attribute.VERIFY,
    "pub_key_attribute_verify_recover": Attribute.VERIFY_RECOVER,
    "pub_key_attribute_wrap": Attribute.WRAP,
    "pub_key_attribute_trusted": Attribute.TRUSTED,
    "pub_key_attribute_allowed_mechanisms": Attribute.ALLOWED_MECHANISMS,
}
_PRIVATE_ATTRIBUTES = {
    "priv_key_attribute_always_sensitive": Attribute.ALWAYS_SENSITIVE,
    "priv_key_attribute_never_extractable": Attribute.NEVER_EXTRACTABLE,
    "priv_key_attribute_decrypt": Attribute.DECRYPT,
    "priv_key_attribute_sign": Attribute.SIGN,
    "priv_key_attribute_sign_recover": Attribute.SIGN_RECOVER,
    "priv_key_attribute_unwrap": Attribute.UNWRAP,
    "priv_key_attribute_wrap_with_trusted": Attribute.WRAP_WITH_TRUSTED,
    "priv_key_attribute_allowed_mechanisms": Attribute.ALLOWED_MECHANISMS,
}

Template = dict[Attribute, object]


@dataclass(frozen=True, slots=True)
class HeldKey:
    """private: None while nobody is logged in.  object_id: CKA_ID, which joins a key's objects."""

    public: TokenKey
    object_id: bytes
    private: SignMixin | None


def attribute_mapper() -> AttributeMapper:
    """python-pkcs11's, and the list of mechanisms it does not know how to write."""
    mapper = AttributeMapper()
    mapper.register_handler(
        Attribute.ALLOWED_MECHANISMS,
        lambda mechanisms: struct.pack(f"@{len(mechanisms)}L", *mechanisms),
        lambda data: [Mechanism(number) for (number,) in struct.iter_unpack("@L", data)],
    )
    return mapper


def find_keys(session: pkcs11.Session, *, logged_in: bool) -> dict[str, HeldKey]:
    """RSA and EC keys by their key id; keys of which no public half can be read are passed over."""
    public_keys = _public_keys(session)
    if not logged_in:
        held = [HeldKey(_token_key(key, label), id_, None) for id_, (key, label) in public_keys.items()]
        return {key.public.key_id: key for key in held}
    found = {}
    for private in list(session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY})):
        if not isinstance(private, pkcs11.PrivateKey) or not isinstance(private, SignMixin):
            continue  # a secret of another kind, or a key that is not for signing
        public_key = _modulus_of(private) or public_keys.get(private.id, (None, ""))[0]
        if public_key is not None:
            key = HeldKey(_token_key(public_key, private.label), private.id, private)
            found[key.public.key_id] = key
    return found


def _token_key(public_key: PublicKey, label: str) -> TokenKey:
    return TokenKey(key_id_of(public_key), label, public_key)


def _public_keys(session: pkcs11.Session) -> dict[bytes, tuple[PublicKey, str]]:
    """By CKA_ID: of public key objects, else of certificates, which may be all a smart card has."""
    found = {}
    for id_, key, label in (*_keys_of_certificates(session), *_keys_of_objects(session)):
        found[id_] = (key, label)
    return found


def _keys_of_objects(session: pkcs11.Session) -> Iterator[tuple[bytes, PublicKey, str]]:
    for item in list(session.get_objects({Attribute.CLASS: ObjectClass.PUBLIC_KEY})):
        if isinstance(item, pkcs11.PublicKey):
            key = _modulus_of(item) or _point_of(item)
            if key is not None:
                yield item.id, key, item.label


def _keys_of_certificates(session: pkcs11.Session) -> Iterator[tuple[bytes, PublicKey, str]]:
    for item in list(session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE})):
        try:
            key = x509.load_der_x509_certificate(bytes(item[Attribute.VALUE])).public_key()
            if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
                yield bytes(item[Attribute.ID]), key, str(item[Attribute.LABEL])
        except (ValueError, pkcs11.AttributeTypeInvalid):
            continue


def _modulus_of(key: pkcs11.PrivateKey | pkcs11.PublicKey) -> PublicKey | None:
    if key.key_type is not KeyType.RSA:
        return None
    try:
        modulus, exponent = key[Attribute.MODULUS], key[Attribute.PUBLIC_EXPONENT]
    except (pkcs11.AttributeTypeInvalid, pkcs11.AttributeSensitive):
        return None  # a private key need not tell
    return rsa.RSAPublicNumbers(int.from_bytes(exponent, "big"), int.from_bytes(modulus, "big")).public_key()


def _point_of(key: pkcs11.PublicKey) -> PublicKey | None:
    """EC_POINT is a DER OCTET STRING; some devices leave the wrapping out."""
    if key.key_type is not KeyType.EC:
        return None
    curve = _CURVES.get(bytes(key[Attribute.EC_PARAMS]))
    if curve is None:
        return None
    point = bytes(key[Attribute.EC_POINT])
    size = 1 + 2 * ((curve.key_size + 7) // 8)
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(curve, point[-size:])
    except ValueError:
        return None


def generate_key(
    session: pkcs11.Session, algorithm: KeyAlgorithm, label: str, device: Pkcs11Device
) -> tuple[TokenKey, bytes]:
    """A key pair on the token, not to be read or taken out, for signatures only unless `device` says otherwise; its CKA_ID."""
    object_id = secrets.token_bytes(20)
    common: Template = {Attribute.TOKEN: True, Attribute.ID: object_id, Attribute.LABEL: label}
    public = common | {
        Attribute.PRIVATE: False,
        Attribute.ENCRYPT: False,
        Attribute.VERIFY: True,
        Attribute.WRAP: False,
    }
    private = common | {
        Attribute.PRIVATE: True,
        Attribute.SENSITIVE: True,
        Attribute.EXTRACTABLE: False,
        Attribute.DECRYPT: False,
        Attribute.SIGN: True,
        Attribute.UNWRAP: False,
    }
    public |= _wanted(device, _PUBLIC_ATTRIBUTES)
    private |= _wanted(device, _PRIVATE_ATTRIBUTES)
    if algorithm.curve is not None:
        public[Attribute.EC_PARAMS] = encode_named_curve_parameters(algorithm.curve.name)
        private.setdefault(Attribute.DERIVE, False)
        pair = session.create_domain_parameters(
            KeyType.EC, {Attribute.EC_PARAMS: public[Attribute.EC_PARAMS]}, local=True
        ).generate_keypair(capabilities=MechanismFlag(0), public_template=public, private_template=private)
    else:
        pair = session.generate_keypair(
            KeyType.RSA,
            algorithm.rsa_bits,
            capabilities=MechanismFlag(0),
            public_template=public,
            private_template=private,
        )
    public_key = _modulus_of(pair[0]) or _point_of(pair[0])
    if public_key is None:
        raise Unavailable("the token does not show the key it made", code="failed_to_generate_private_key")
    return _token_key(public_key, label), object_id


def _wanted(device: Pkcs11Device, names: dict[str, Attribute]) -> Template:
    wanted: Template = {}
    for name, attribute in names.items():
        value = getattr(device, name)
        if isinstance(value, tuple):
            if value:
                wanted[attribute] = [Mechanism[mechanism.removeprefix("CKM_")] for mechanism in value]
        elif value is not None:
            wanted[attribute] = value
    return wanted


def destroy_key(session: pkcs11.Session, object_id: bytes) -> None:
    """The private key first, then what else bears its id."""
    for kind in (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY, ObjectClass.CERTIFICATE):
        for item in list(session.get_objects({Attribute.CLASS: kind, Attribute.ID: object_id})):
            item.destroy()


def sign_with(
    key: HeldKey,
    private: SignMixin,
    algorithm: SignatureAlgorithm,
    data: bytes,
    *,
    pss: bool,
    pin: str | None,
) -> bytes:
    """The signature; EC in DER. pin: given anew for this one signature. Raises Unavailable (`unsupported_sign_algorithm`)."""
    digest_algorithm = algorithm.digest_algorithm
    digest = digest_algorithm.digest(data)
    public_key = key.public.public_key
    if isinstance(public_key, rsa.RSAPublicKey):
        if algorithm.scheme == "rsa" and not pss:
            value = _DIGEST_INFO[digest_algorithm] + digest
            return private.sign(value, mechanism=Mechanism.RSA_PKCS, pin=pin)
        if algorithm.scheme == "rsa-pss" and pss:
            parameters = _PSS_PARAMETERS[digest_algorithm]
            return private.sign(digest, mechanism=Mechanism.RSA_PKCS_PSS, mechanism_param=parameters, pin=pin)
    elif algorithm.scheme == "ecdsa":
        size = (public_key.curve.key_size + 7) // 8
        # the leftmost bits are all that ECDSA uses, and all that some devices take
        value = digest if public_key.curve.key_size % 8 else digest[:size]
        return _ecdsa_der(private.sign(value, mechanism=Mechanism.ECDSA, pin=pin), public_key, size)
    raise Unavailable(f"the key does not sign by {algorithm.java_name}", code="unsupported_sign_algorithm")


def _ecdsa_der(signature: bytes, public_key: ec.EllipticCurvePublicKey, size: int) -> bytes:
    """PKCS#11 gives r||s; a few devices give DER. Raises Unavailable (`cannot_sign`)."""
    try:
        if len(signature) == 2 * size:
            return ecdsa_der_from_raw(signature, public_key)
        decode_dss_signature(signature)
    except (ValueError, TrustError):
        raise Unavailable("the token's signature is no ECDSA signature", code="cannot_sign") from None
    return signature
