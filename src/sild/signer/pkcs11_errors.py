"""What a PKCS#11 library's refusals mean to us. Foreign exceptions end here."""

from __future__ import annotations

import pkcs11

from sild.errors import CallerError, PlatformError, Unavailable
from sild.signer.tokens import KeyNotFound, PinIncorrect, TokenNotActive, TokenNotAvailable

__all__ = ["STALE", "refusal_of"]

STALE = (
    pkcs11.SessionHandleInvalid,
    pkcs11.SessionClosed,
    pkcs11.KeyHandleInvalid,
    pkcs11.ObjectHandleInvalid,
    pkcs11.UserNotLoggedIn,
    pkcs11.DeviceRemoved,
    pkcs11.TokenNotPresent,
    pkcs11.TokenNotRecognised,
    pkcs11.OperationNotInitialized,
)
"""The token was out, or the library was begun anew: a new session may mend it."""

_GONE = (
    pkcs11.DeviceRemoved,
    pkcs11.TokenNotPresent,
    pkcs11.TokenNotRecognised,
    pkcs11.NoSuchToken,
    pkcs11.SlotIDInvalid,
)
_WRONG_PIN = (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange)
_USELESS_PIN = (pkcs11.PinLocked, pkcs11.PinExpired, pkcs11.PinTooWeak)
_READ_ONLY = (pkcs11.TokenWriteProtected, pkcs11.SessionReadOnly, pkcs11.SessionReadOnlyExists)
_KEY = (pkcs11.KeyHandleInvalid, pkcs11.ObjectHandleInvalid, pkcs11.NoSuchKey)
_MECHANISM = (
    pkcs11.MechanismInvalid,
    pkcs11.MechanismParamInvalid,
    pkcs11.KeyTypeInconsistent,
    pkcs11.KeySizeRange,
    pkcs11.DataLenRange,
    pkcs11.DomainParamsInvalid,
)


def refusal_of(error: pkcs11.PKCS11Error) -> PlatformError:
    """`error` in our words; its own name stands in `detail`."""
    name = type(error).__name__
    if isinstance(error, _WRONG_PIN):
        return PinIncorrect("PIN incorrect")
    if isinstance(error, _USELESS_PIN):
        return CallerError(
            "the token accepts no PIN until its own tools mend it", code="login_failed", pkcs11=name
        )
    if isinstance(error, pkcs11.UserPinNotInitialized):
        return CallerError("the token has no PIN yet", code="token_not_initialized")
    if isinstance(error, pkcs11.UserAlreadyLoggedIn | pkcs11.AnotherUserAlreadyLoggedIn):
        return CallerError("the token is in use elsewhere in this process", code="login_failed", pkcs11=name)
    if isinstance(error, pkcs11.UserNotLoggedIn):
        return TokenNotActive("the token is not logged in")
    if isinstance(error, _GONE):
        return TokenNotAvailable("the token is not there", pkcs11=name)
    if isinstance(error, _READ_ONLY):
        return CallerError("the token cannot be written to", code="token_readonly", pkcs11=name)
    if isinstance(error, _KEY):
        return KeyNotFound("the key is no longer on the token")
    if isinstance(error, _MECHANISM):
        return Unavailable(
            "the token does not sign in this way", code="unsupported_sign_algorithm", pkcs11=name
        )
    return Unavailable(f"the token does not work: {error or name}", code="hsm_non_operational", pkcs11=name)
