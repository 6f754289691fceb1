"""What every refusal of a PKCS#11 library becomes."""

from __future__ import annotations

import inspect

import pytest

from sild.errors import CallerError, PlatformError, Unavailable
from sild.xroad.faults import CODES

pkcs11 = pytest.importorskip("pkcs11")

KINDS = {
    "pin_incorrect": ["PinIncorrect", "PinInvalid", "PinLenRange"],
    "login_failed": ["PinLocked", "PinExpired", "UserAlreadyLoggedIn", "AnotherUserAlreadyLoggedIn"],
    "token_not_initialized": ["UserPinNotInitialized"],
    "token_not_active": ["UserNotLoggedIn"],
    "token_not_available": ["TokenNotPresent", "DeviceRemoved", "TokenNotRecognised", "SlotIDInvalid"],
    "token_readonly": ["TokenWriteProtected", "SessionReadOnly"],
    "key_not_found": ["KeyHandleInvalid", "ObjectHandleInvalid"],
    "unsupported_sign_algorithm": ["MechanismInvalid", "KeyTypeInconsistent", "KeySizeRange"],
    "hsm_non_operational": ["DeviceError", "GeneralError", "FunctionFailed", "HostMemory", "SessionCount"],
}


@pytest.mark.parametrize(("code", "name"), [(code, name) for code, names in KINDS.items() for name in names])
def test_the_code(code: str, name: str) -> None:
    from sild.signer.pkcs11_errors import refusal_of

    refusal = refusal_of(getattr(pkcs11, name)())
    assert refusal.code == code
    callers = {"pin_incorrect", "login_failed", "token_not_initialized", "token_readonly", "key_not_found"}
    assert isinstance(refusal, CallerError if code in callers else Unavailable)


def test_none_escapes_and_every_code_is_x_roads() -> None:
    from sild.signer.pkcs11_errors import refusal_of

    known = CODES.keys()
    for kind in vars(pkcs11.exceptions).values():
        if inspect.isclass(kind) and issubclass(kind, pkcs11.PKCS11Error):
            refusal = refusal_of(kind())
            assert isinstance(refusal, PlatformError)
            assert refusal.code in known
            assert refusal.message
