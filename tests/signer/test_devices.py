"""devices.ini as X-Road writes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sild.errors import CallerError
from sild.signer import read_devices_ini

UTIMACO = """\
; This configuration file defines the available devices
[softToken]
enabled = true

[hsm_ncipher]
library = libcknfast.so

[hsm_utimaco_se52_fips]
library = /usr/local/lib/libcs_pkcs11_R2.so
token_id_format = {moduleType}{slotIndex}{label}
sign_mechanism = CKM_RSA_PKCS_PSS
os_locking_ok = true
pub_key_attribute_encrypt = false
pub_key_attribute_wrap = false
pub_key_attribute_allowed_mechanisms = CKM_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS_PSS
priv_key_attribute_decrypt = false
priv_key_attribute_sensitive = true
slot_ids = 1123, 2342,5345

[smartcard]
library = opensc-pkcs11.so
sign_verify_pin = true
batch_signing_enabled = false
read_only = true

[old]
enabled = false
library = gone.so
"""


def read(tmp_path: Path, text: str) -> dict[str, object]:
    path = tmp_path / "devices.ini"
    path.write_text(text)
    return dict(read_devices_ini(path))


def test_what_x_road_ships(tmp_path: Path) -> None:
    (tmp_path / "devices.ini").write_text(UTIMACO)
    devices = read_devices_ini(tmp_path / "devices.ini")
    assert list(devices) == ["hsm_ncipher", "hsm_utimaco_se52_fips", "smartcard"]
    plain, fips, card = devices.values()
    assert (plain.batch_signing_enabled, plain.signs_with_pss, plain.read_only) == (True, False, False)
    assert plain.token_id("hsm_ncipher", 7, "123", "label") == "hsm_ncipher7123label"
    assert fips.signs_with_pss
    assert fips.slot_ids == (1123, 2342, 5345)
    assert fips.token_id("hsm", 7, "123", "label") == "hsm7label"
    assert fips.pub_key_attribute_allowed_mechanisms == ("CKM_RSA_PKCS_PSS", "CKM_SHA256_RSA_PKCS_PSS")
    assert (fips.pub_key_attribute_encrypt, fips.pub_key_attribute_verify) == (False, None)
    assert (card.sign_verify_pin, card.batch_signing_enabled, card.read_only) == (True, False, True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[a]\n", "library"),
        ("[a]\nlibrary = x\nfoo = 1\n", "foo"),
        ("[a]\nlibrary = x\nslot_ids = one\n", "slot_ids"),
        ("[a]\nlibrary = x\nread_only = perhaps\n", "read_only"),
        ("[a]\nlibrary = x\nsign_mechanism = CKM_SHA1_RSA_PKCS\n", "sign_mechanism"),
        ("[a]\nlibrary = x\npriv_key_attribute_sensitive = false\n", "do not leave"),
        ("[a]\nlibrary = x\npriv_key_attribute_extractable = true\n", "do not leave"),
        ("library = x\n", "no devices.ini"),
        ("[a]\nlibrary = x\n[a]\nlibrary = y\n", "no devices.ini"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(CallerError, match=says):
        read(tmp_path, text)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(CallerError, match="No such file"):
        read_devices_ini(tmp_path / "devices.ini")
