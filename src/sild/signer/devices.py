"""Which hardware devices there are and how they want to be treated: X-Road's `devices.ini`, or the same names as settings."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import ValidationError, field_validator

from sild.errors import CallerError
from sild.settings import Settings

__all__ = ["SOFTWARE_DEVICE", "Pkcs11Device", "read_devices_ini"]

SOFTWARE_DEVICE = "softToken"  # a section of devices.ini about the software token: none of ours
DEFAULT_TOKEN_ID_FORMAT = "{moduleType}{slotIndex}{serialNumber}{label}"  # noqa: S105 - names, not a secret

RsaMechanism = Literal["CKM_RSA_PKCS", "CKM_RSA_PKCS_PSS"]
EcMechanism = Literal["CKM_ECDSA"]
AllowedMechanism = Literal[
    "CKM_RSA_PKCS",
    "CKM_SHA256_RSA_PKCS",
    "CKM_SHA384_RSA_PKCS",
    "CKM_SHA512_RSA_PKCS",
    "CKM_RSA_PKCS_PSS",
    "CKM_SHA256_RSA_PKCS_PSS",
    "CKM_SHA384_RSA_PKCS_PSS",
    "CKM_SHA512_RSA_PKCS_PSS",
    "CKM_ECDSA",
    "CKM_ECDSA_SHA256",
    "CKM_ECDSA_SHA384",
    "CKM_ECDSA_SHA512",
]


class Pkcs11Device(Settings):
    """One section of `devices.ini`, in its words. An attribute of keys that is None is left to us or to the device.

    slot_ids: those to look at, empty: all.  sign_verify_pin: the PIN is given anew for every signature.
    batch_signing_enabled: messages that wait for the device are signed for together.
    """

    library: str  # path of the PKCS#11 library
    enabled: bool = True
    slot_ids: tuple[int, ...] = ()
    token_id_format: str = DEFAULT_TOKEN_ID_FORMAT
    sign_verify_pin: bool = False
    batch_signing_enabled: bool = True
    read_only: bool = False
    sign_mechanism: RsaMechanism | None = None  # older name of the next
    rsa_sign_mechanism: RsaMechanism | None = None
    ec_sign_mechanism: EcMechanism = "CKM_ECDSA"
    # Calls go into a library from one thread whatever it is able to, so these change nothing (ADR 0014)
    library_cant_create_os_threads: bool | None = None
    os_locking_ok: bool | None = None
    # attributes of new keys
    pub_key_attribute_encrypt: bool | None = None
    pub_key_attribute_verify: bool | None = None
    pub_key_attribute_verify_recover: bool | None = None
    pub_key_attribute_wrap: bool | None = None
    pub_key_attribute_trusted: bool | None = None
    pub_key_attribute_allowed_mechanisms: tuple[AllowedMechanism, ...] = ()
    priv_key_attribute_sensitive: Literal[True] = True
    priv_key_attribute_extractable: Literal[False] = False
    priv_key_attribute_always_sensitive: bool | None = None
    priv_key_attribute_never_extractable: bool | None = None
    priv_key_attribute_decrypt: bool | None = None
    priv_key_attribute_sign: bool | None = None
    priv_key_attribute_sign_recover: bool | None = None
    priv_key_attribute_unwrap: bool | None = None
    priv_key_attribute_wrap_with_trusted: bool | None = None
    priv_key_attribute_allowed_mechanisms: tuple[AllowedMechanism, ...] = ()

    @field_validator("library")
    @classmethod
    def _given(cls, library: str) -> str:
        if not library.strip():
            raise ValueError("a library is needed")
        return library

    @field_validator("priv_key_attribute_sensitive", mode="before")
    @classmethod
    def _sensitive(cls, value: object) -> bool:
        if str(value).lower() != "true":
            raise ValueError("private keys do not leave their token")
        return True

    @field_validator("priv_key_attribute_extractable", mode="before")
    @classmethod
    def _not_extractable(cls, value: object) -> bool:
        if str(value).lower() != "false":
            raise ValueError("private keys do not leave their token")
        return False

    @property
    def signs_with_pss(self) -> bool:
        return (self.rsa_sign_mechanism or self.sign_mechanism) == "CKM_RSA_PKCS_PSS"

    def token_id(self, device: str, slot_id: int, serial_number: str, label: str) -> str:
        """A token's name by `token_id_format`."""
        values = {
            "{moduleType}": device,
            "{slotIndex}": str(slot_id),
            "{serialNumber}": serial_number,
            "{label}": label,
        }
        name = self.token_id_format
        for placeholder, value in values.items():
            name = name.replace(placeholder, value)
        return name


def read_devices_ini(path: Path) -> dict[str, Pkcs11Device]:
    """The enabled hardware devices of a `devices.ini`, by section. Raises CallerError that names section and key."""
    parser = configparser.ConfigParser(
        interpolation=None, comment_prefixes=(";", "#"), delimiters=("=",), strict=True
    )
    parser.optionxform = str  # type: ignore[assignment, method-assign] # the documented way to keep names as they are
    try:
        parser.read_string(path.read_text(encoding="utf-8"), source=str(path))
    except OSError as error:
        raise CallerError(f"{path}: {error.strerror or error}") from error
    except (configparser.Error, UnicodeDecodeError) as error:
        raise CallerError(f"{path} is no devices.ini: {error}") from error
    devices = {
        name: _device(path, name, parser[name]) for name in parser.sections() if name != SOFTWARE_DEVICE
    }
    return {name: device for name, device in devices.items() if device.enabled}


def _device(path: Path, name: str, section: Mapping[str, str]) -> Pkcs11Device:
    lists = {"slot_ids", "pub_key_attribute_allowed_mechanisms", "priv_key_attribute_allowed_mechanisms"}
    values = {
        key: [item.strip() for item in text.split(",") if item.strip()] if key in lists else text
        for key, text in section.items()
        if text.strip()
    }
    try:
        return Pkcs11Device.model_validate(values)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors()
        )
        raise CallerError(f"{path} [{name}]: {wrong}") from None
