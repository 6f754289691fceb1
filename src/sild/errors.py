"""Whose fault an error is, and the word the wire has for it.

Every refusal in Sild is a `PlatformError` of one of four kinds; anything else that escapes is a bug and is shown to
nobody but the log. The domain raises a *cause* (`code`, X-Road's word where the wire is X-Road's); the place that knows
the circumstances adds *stages* in front of it (`with stage("service_failed")`), and one function per edge renders the
result for its wire (`sild.xroad.faults` for X-Road).
"""

from __future__ import annotations

__all__ = ["CallerError", "PeerError", "PlatformError", "TrustError", "Unavailable", "stage"]

Detail = str | int | float | bool | None


class PlatformError(Exception):
    """A refusal with a wire code. `detail` holds plain values for the log, never rich objects or secrets."""

    code: str = "internal_error"

    def __init__(self, message: str, *, code: str | None = None, **detail: Detail) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        self.stages: tuple[str, ...] = ()
        self.detail = detail

    @property
    def code_path(self) -> str:
        """The stages and the cause, dot-joined, without the origin prefix: `service_failed.http_error`."""
        return ".".join((*self.stages, self.code))

    def __str__(self) -> str:
        return f"{self.code_path}: {self.message}"


class CallerError(PlatformError):
    """Our own caller asked wrongly; asking again the same way will fail again."""

    code = "bad_request"


class PeerError(PlatformError):
    """The other side broke the protocol."""

    code = "invalid_message"


class TrustError(PlatformError):
    """A signature, certificate, status or time was refused."""

    code = "cert_validation"


class Unavailable(PlatformError):
    """May work later. `retry_after` is in seconds when the refuser knows it."""

    code = "network_error"

    def __init__(
        self, message: str, *, code: str | None = None, retry_after: float | None = None, **detail: Detail
    ) -> None:
        super().__init__(message, code=code, **detail)
        self.retry_after = retry_after


class stage:
    """`with stage("signature_verification"):` puts its name in front of the code of any refusal raised inside: what was
    being done when it happened. A path that begins with it already stays as it is, as in X-Road (`withPrefix`). A class,
    not a generator: several are passed for every message.
    """

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, PlatformError) and not f"{error.code_path}.".startswith(f"{self._name}."):
            error.stages = (self._name, *error.stages)
