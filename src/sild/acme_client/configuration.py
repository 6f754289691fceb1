"""X-Road's acme.yml and mail.yml (UG-SS 24), read as they are."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sild.acme_client.errors import AcmeRefusal
from sild.errors import CallerError
from sild.signer import KeyUsage
from sild.xroad.identifiers import ClientId

__all__ = ["AcmeConfiguration", "ExternalAccount", "MailServer", "read_acme_yml", "read_mail_yml"]


@dataclass(frozen=True, slots=True)
class ExternalAccount:
    """A key of an external account binding. mac_key: base64url, as the protocol library takes it.  alias: names the account
    here: X-Road's, with `auth_` or `sign_` in front where the key is for one kind of certificate."""

    kid: str
    mac_key: str = field(repr=False)
    alias: str


class _Yml(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=lambda name: name.replace("_", "-")
    )


class _Credentials(_Yml):
    kid: str | None = None
    mac_key: str | None = None
    auth_kid: str | None = None
    auth_mac_key: str | None = None
    sign_kid: str | None = None
    sign_mac_key: str | None = None


class _Authority(_Yml):
    mac_key_base64_encoded: bool = False
    members: dict[str, _Credentials] = Field(default_factory=dict)


class _EabCredentials(_Yml):
    certificate_authorities: dict[str, _Authority] = Field(default_factory=dict)


class AcmeConfiguration(_Yml):
    """acme.yml. `AcmeConfiguration()` is one without credentials."""

    eab_credentials: _EabCredentials | None = None
    account_keystore_password: str | None = Field(default=None, repr=False)
    contacts: dict[str, str] | None = None

    def external_account(self, authority: str, member: ClientId, usage: KeyUsage) -> ExternalAccount | None:
        """member: of a sign certificate, the owner of an auth one. Raises AcmeRefusal (`acme.eab_secret_length`)."""
        authorities = self.eab_credentials.certificate_authorities if self.eab_credentials else {}
        found = authorities.get(authority)
        own = found.members.get(str(member.member)) if found is not None else None
        if found is None or own is None:
            return None
        prefix, pair = {
            KeyUsage.AUTHENTICATION: ("auth_", (own.auth_kid, own.auth_mac_key)),
            KeyUsage.SIGNING: ("sign_", (own.sign_kid, own.sign_mac_key)),
        }[usage]
        if pair[0] is None:
            prefix, pair = "", (own.kid, own.mac_key)
        kid, mac_key = pair
        if not kid or not mac_key:
            return None
        return ExternalAccount(
            kid, _mac_key(mac_key, found.mac_key_base64_encoded), f"{prefix}{member.member}"
        )


def _mac_key(text: str, is_encoded: bool) -> str:
    """Whatever spelling acme.yml has: base64 of either alphabet, padded or not, or the characters themselves."""
    if not is_encoded:
        return base64.urlsafe_b64encode(text.encode()).decode()
    plain = text.strip().rstrip("=").replace("+", "-").replace("/", "_")
    try:
        base64.b64decode(plain + "=" * (-len(plain) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise AcmeRefusal(
            "a mac-key of acme.yml is not base64: copy it again from the authority's answer, or set"
            " mac-key-base64-encoded to false",
            code="acme.eab_secret_length",
        ) from None
    return plain + "=" * (-len(plain) % 4)


class MailServer(_Yml):
    """mail.yml. contacts: by member, `DEV:COM:1234`; the authority is told the address, too."""

    host: str | None = None
    port: int | None = None
    username: str | None = None
    password: str | None = Field(default=None, repr=False)
    use_ssl_tls: bool = False
    contacts: dict[str, str] = Field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        return bool(self.host and self.port)


def read_acme_yml(path: Path) -> AcmeConfiguration:
    """Raises CallerError that names what is wrong, and no value: it may be a secret."""
    return _read(AcmeConfiguration, path)


def read_mail_yml(path: Path) -> MailServer:
    """Raises CallerError that names what is wrong, and no value."""
    return _read(MailServer, path)


Kind = TypeVar("Kind", bound=_Yml)
# What PyYAML raises for a value that is not what its tag says: `!!int ""`, `!!timestamp x`, `!!bool x`.
_TAGGED = (AttributeError, IndexError, KeyError, TypeError, OverflowError)


def _read(kind: type[Kind], path: Path) -> Kind:
    try:
        values = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise CallerError(f"{path}: {error.strerror or error}", code="acme.acme_yaml_missing") from error
    except (yaml.YAMLError, ValueError, *_TAGGED, RecursionError) as error:
        where = getattr(error, "problem_mark", None)
        raise CallerError(f"{path} is no YAML{f', line {where.line + 1}' if where else ''}") from None
    if values is not None and not isinstance(values, Mapping):
        raise CallerError(f"{path}: names and values are wanted")
    try:
        return kind.model_validate(values or {})
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise CallerError(f"{path}: {wrong}") from None  # the cause would show values
