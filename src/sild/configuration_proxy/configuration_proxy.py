"""The configuration proxy: its instances, their keys and their anchors, and the rounds that keep each published."""

from __future__ import annotations

import asyncio
from functools import partial

from sild.clock import Clock, system_clock
from sild.configuration_client import Fetch
from sild.configuration_proxy.conf_ini import VALIDITY_INTERVAL_SECONDS
from sild.configuration_proxy.errors import NotConfigured, NotFound
from sild.configuration_proxy.instances import Instances
from sild.configuration_proxy.mediation import Mediation
from sild.configuration_proxy.proxy_instance import ProxyInstance, SigningKey
from sild.configuration_proxy.settings import ConfigurationProxySettings
from sild.configuration_proxy.signing_keys import SigningKeys, SigningToken, TokenKeyAlgorithm
from sild.errors import CallerError, PlatformError
from sild.http1 import fetch as http_fetch
from sild.http1 import unverified_download_context
from sild.signer import SoftwareToken
from sild.telemetry import get_logger
from sild.xroad.globalconf import AnchorSource, ConfigurationAnchor, render_anchor

__all__ = ["SOFTWARE_TOKEN_ID", "ConfigurationProxy"]

log = get_logger("configuration_proxy")

SOFTWARE_TOKEN_ID = "0"  # noqa: S105  (X-Road's name of the software token)
MAX_VALIDITY_INTERVAL_SECONDS = 2**31 - 1


class ConfigurationProxy:
    """Administration reads and changes the configuration files; other processes may do so beside it.

    Refusals are NotFound, Conflict, NotConfigured or CallerError, TokenNotActive without `log_in`, or Unavailable (disk).
    """

    def __init__(
        self,
        settings: ConfigurationProxySettings,
        *,
        fetch: Fetch | None = None,
        clock: Clock = system_clock,
    ) -> None:
        """fetch: how sources are asked; by default over HTTP, with the TLS checks the settings want."""
        self.settings = settings
        self._clock = clock
        self._fetch = fetch or _fetch_by(settings)
        self._instances = Instances(settings.instances_directory)
        self._token = SigningToken(self._open_token)
        self._keys = SigningKeys(self._instances, self._token, clock)
        self._mediations: dict[str, Mediation] = {}

    # --- proxy instances

    def instance_names(self) -> tuple[str, ...]:
        return self._instances.names()

    def instance(self, name: str) -> ProxyInstance:
        """As it stands in its files now. Raises NotFound."""
        return self._instances.instance(name)

    def create_instance(self, name: str) -> ProxyInstance:
        """Raises Conflict, CallerError (not a name)."""
        return self._instances.create(name)

    def set_source_anchor(self, name: str, file: bytes) -> None:
        """Which configuration the instance mediates: anchor.xml. Raises CallerError (`malformed_anchor`)."""
        self._instances.set_source_anchor(name, file)

    def set_validity_interval(self, name: str, seconds: int) -> None:
        """From a publication to its Expire-date, from the next one on. Raises CallerError."""
        if not 0 < seconds <= MAX_VALIDITY_INTERVAL_SECONDS:
            raise CallerError("the validity interval is a positive number of seconds")
        self._instances.change(name, lambda conf: conf.with_value(VALIDITY_INTERVAL_SECONDS, str(seconds)))

    def urls(self, name: str) -> tuple[str, ...]:
        """Where the instance's configuration is published."""
        address = self.settings.address
        return tuple(f"{protocol}://{address}/{name}/conf" for protocol in self.settings.protocols)

    def anchor(self, name: str) -> bytes:
        """An anchor file for the instance's clients, of its addresses and all its keys: it has to be given out again after a
        change of either. Raises NotConfigured (source anchor, keys), PeerError (the source anchor is malformed)."""
        instance = self._instances.instance(name)
        identifier = instance.source_anchor.instance_identifier
        certificates = instance.verification_certs
        if not certificates:
            raise NotConfigured(
                "No signing keys configured!", code="no_configuration_signing_keys_configured"
            )
        sources = tuple(AnchorSource(url, certificates) for url in self.urls(name))
        return render_anchor(ConfigurationAnchor(identifier, sources, self._clock()))

    # --- signing keys

    async def log_in(self, pin: str) -> None:
        """Make the keys usable; the first time, this PIN becomes the token's. Raises PinIncorrect."""
        token = self._open_token()
        if not token.is_initialized:
            await token.initialize(pin)
        await self._token.log_in(pin)

    async def add_signing_key(
        self,
        name: str,
        *,
        token_id: str = SOFTWARE_TOKEN_ID,
        key_id: str | None = None,
        algorithm: TokenKeyAlgorithm = "RSA",
    ) -> SigningKey:
        """A new key of the token, or its key `key_id`, with a certificate made for it; active if it is the instance's first."""
        if token_id != SOFTWARE_TOKEN_ID:
            raise NotFound(f"there is no token {token_id}", code="token_not_found")
        return await self._keys.add(name, key_id=key_id, algorithm=algorithm)

    def activate_signing_key(self, name: str, key_id: str) -> SigningKey:
        """Sign with this key from the next round on."""
        return self._keys.activate(name, key_id)

    async def delete_signing_key(self, name: str, key_id: str) -> None:
        """Raises Conflict (`signing_key_action_not_possible`: it is active)."""
        await self._keys.delete(name, key_id)

    def _open_token(self) -> SoftwareToken:
        return SoftwareToken(self.settings.directory / "token", token_id=SOFTWARE_TOKEN_ID)

    # --- publishing

    async def mediate(self, name: str) -> tuple[int, ...]:
        """Download, verify and publish now: the versions published, newest first (see `Mediation.round`)."""
        instance = await asyncio.to_thread(self._instances.instance, name)
        if name not in self._mediations:
            self._mediations[name] = Mediation(
                name, self.settings, self._token, fetch=self._fetch, clock=self._clock
            )
        return await self._mediations[name].round(instance)

    async def run(self) -> None:
        """A round of each instance every `update_seconds`, until cancelled. None waits for another's slow source."""
        rounds: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                for name in await asyncio.to_thread(self._instances.names):
                    if name not in rounds or rounds[name].done():
                        rounds[name] = asyncio.create_task(self._round(name))
                await asyncio.sleep(self.settings.update_seconds)
        finally:
            for task in rounds.values():
                task.cancel()
            await asyncio.gather(*rounds.values(), return_exceptions=True)

    async def _round(self, name: str) -> None:
        """What is published stays until it expires, whatever goes wrong here."""
        try:
            await self.mediate(name)
        except PlatformError as error:
            log.refusal("mediation.failed", error, proxy=name)
        except Exception as error:  # noqa: BLE001 - a bug in one round must not end all of them
            log.bug("mediation.failed", error, proxy=name)


def _fetch_by(settings: ConfigurationProxySettings) -> Fetch:
    if settings.global_conf_tls_cert_verification:
        return http_fetch
    return partial(http_fetch, tls=unverified_download_context())
