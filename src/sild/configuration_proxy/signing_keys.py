"""Signing keys of proxy instances: several for each, one of them active (UG-CP 3.4 (2), 3.5.2, 3.5.3).

The certificates of all of them stand in the instance's anchor and, in version 3 and later, in the `source` of what it
publishes. So a key that is added becomes known, signed for by the active one, and after the time of a few downloads it can be
activated; clients of version 2 need the new anchor first.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

from sild.clock import Clock
from sild.configuration_proxy.conf_ini import ACTIVE_SIGNING_KEY_ID, ConfIni
from sild.configuration_proxy.errors import Conflict, NotFound
from sild.configuration_proxy.instances import Instances
from sild.configuration_proxy.proxy_instance import SigningKey
from sild.configuration_proxy.self_signed import self_signed_certificate
from sild.errors import CallerError
from sild.pki import SignatureAlgorithm
from sild.signer import KeyAlgorithm, Token, TokenKey, TokenNotActive

__all__ = ["SigningKeys", "SigningToken", "TokenKeyAlgorithm"]

TokenKeyAlgorithm = Literal["RSA", "EC"]
ALGORITHMS = {"RSA": KeyAlgorithm.RSA_2048, "EC": KeyAlgorithm.EC_P256}


class SigningToken:
    """The token that holds the keys, opened anew when a key is asked for that another process put into it."""

    def __init__(self, open_token: Callable[[], Token]) -> None:
        self._open = open_token
        self._token = open_token()
        self._pin: str | None = None

    @property
    def token_id(self) -> str:
        return self._token.token_id

    async def log_in(self, pin: str) -> None:
        """Raises PinIncorrect, CallerError (`token_not_initialized`)."""
        self._token = self._open()
        await self._token.login(pin)
        self._pin = pin

    async def key(self, key_id: str) -> TokenKey | None:
        """Raises TokenNotActive."""
        found = self._find(key_id)
        if found is None:
            await self.log_in(self._require_pin())
            found = self._find(key_id)
        return found

    async def generate(self, algorithm: KeyAlgorithm, label: str) -> TokenKey:
        return await self._token.generate_key(algorithm, label)

    async def sign(self, key: TokenKey, algorithm: SignatureAlgorithm, data: bytes) -> bytes:
        return await self._token.sign(key.key_id, algorithm, data)

    async def delete(self, key: TokenKey) -> None:
        await self._token.delete_key(key.key_id)

    def _find(self, key_id: str) -> TokenKey | None:
        return next((key for key in self._token.public_keys if key.key_id == key_id), None)

    def _require_pin(self) -> str:
        if self._pin is None:
            raise TokenNotActive(f"token {self.token_id} is not logged in")
        return self._pin


class SigningKeys:
    """The administrator's side; `SigningToken` must be logged in to add and to delete."""

    def __init__(self, instances: Instances, token: SigningToken, clock: Clock) -> None:
        self._instances = instances
        self._token = token
        self._clock = clock

    async def add(
        self, instance: str, *, key_id: str | None = None, algorithm: TokenKeyAlgorithm = "RSA"
    ) -> SigningKey:
        """Add a new key, or the key `key_id` of the token. The first key of an instance is active at once.

        Raises NotFound (instance, key), Conflict (the instance has this key), TokenNotActive, Unavailable.
        """
        present = {key.id for key in self._instances.instance(instance).signing_keys}
        at = self._clock()
        if key_id is None:
            key = await self._token.generate(ALGORITHMS[algorithm], f"key-{int(at.timestamp() * 1000)}")
        else:
            found = await self._token.key(key_id)
            if found is None:
                raise NotFound(f"token {self._token.token_id} has no key {key_id}", code="key_not_found")
            key = found
        if key.key_id in present:
            raise Conflict(f"the instance has the key {key_id}", code="signing_key_action_not_possible")
        certificate = await self_signed_certificate(key.public_key, partial(self._token.sign, key), at)
        self._instances.write_certificate(instance, key.key_id, certificate)

        def added(conf: ConfIni) -> ConfIni:
            if conf.get(ACTIVE_SIGNING_KEY_ID) is None:
                conf = conf.with_value(ACTIVE_SIGNING_KEY_ID, key.key_id)
            return conf.with_signing_key(key.key_id)

        self._instances.change(instance, added)
        return self._key(instance, key.key_id)

    def activate(self, instance: str, key_id: str) -> SigningKey:
        """Sign with this key from the next publication on. Raises NotFound, CallerError (its certificate cannot be read)."""
        problem = self._key(instance, key_id).certificate_problem
        if problem is not None:
            raise CallerError(f"signing key {key_id}: {problem}", code="signing_key_action_not_possible")

        def activated(conf: ConfIni) -> ConfIni:
            _require(conf, key_id)
            return conf.with_value(ACTIVE_SIGNING_KEY_ID, key_id)

        self._instances.change(instance, activated)
        return self._key(instance, key_id)

    async def delete(self, instance: str, key_id: str) -> None:
        """Delete an inactive key, for good unless another instance has it too.

        Raises NotFound, Conflict (`signing_key_action_not_possible`: it is active), TokenNotActive.
        """
        key = await self._token.key(key_id)  # before anything goes: it takes the PIN

        def deleted(conf: ConfIni) -> ConfIni:
            if conf.get(ACTIVE_SIGNING_KEY_ID) == key_id:
                raise Conflict(
                    "Not allowed to delete an active signing key!", code="signing_key_action_not_possible"
                )
            _require(conf, key_id)
            return conf.without_signing_key(key_id)

        self._instances.change(instance, deleted)
        self._instances.delete_certificate(instance, key_id)
        if key is not None and not self._in_use(key_id):
            await self._token.delete(key)

    def _in_use(self, key_id: str) -> bool:
        instances = map(self._instances.instance, self._instances.names())
        return any(key.id == key_id for instance in instances for key in instance.signing_keys)

    def _key(self, instance: str, key_id: str) -> SigningKey:
        keys = self._instances.instance(instance).signing_keys
        found = next((key for key in keys if key.id == key_id), None)
        if found is None:
            raise _unknown(key_id)
        return found


def _require(conf: ConfIni, key_id: str) -> None:
    if key_id not in conf.signing_key_ids:
        raise _unknown(key_id)


def _unknown(key_id: str) -> NotFound:
    return NotFound(f"The key ID '{key_id}' could not be found in 'conf.ini'.", code="signing_key_not_found")
