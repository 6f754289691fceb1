"""What `view-conf` shows of a proxy instance, in the reference's words and order (UG-CP 3.4, UC CP_01). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sild.clock import xml_datetime
from sild.configuration_proxy.conf_ini import (
    ACTIVE_SIGNING_KEY_ID,
    SIGNING_KEY_ID_PREFIX,
    VALIDITY_INTERVAL_SECONDS,
)
from sild.configuration_proxy.proxy_instance import ProxyInstance, SigningKey

__all__ = ["view"]

RULE = "=" * 50


def view(instance: ProxyInstance, urls: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in _lines(instance, urls))


def _lines(instance: ProxyInstance, urls: Sequence[str]) -> Iterator[str]:
    seconds = instance.validity_interval_seconds
    interval = _not_configured(VALIDITY_INTERVAL_SECONDS) if seconds is None else f"{seconds} s."
    yield f"Configuration for proxy '{instance.name}'"
    yield f"Validity interval: {interval}"
    yield ""
    yield from ("anchor.xml", RULE)
    yield from _anchor(instance)
    yield ""
    yield from ("Configuration URLs", RULE, *urls)
    yield ""
    yield from ("Signing keys and certificates", RULE)
    active = instance.active_signing_key
    yield f"{ACTIVE_SIGNING_KEY_ID}:"
    yield f"\t{_not_configured(ACTIVE_SIGNING_KEY_ID) if active is None else _key(active)}"
    if instance.signing_keys:
        yield f"{SIGNING_KEY_ID_PREFIX}*:"
        yield from (f"\t{_key(key)}" for key in instance.signing_keys)
    yield ""


def _anchor(instance: ProxyInstance) -> Iterator[str]:
    problem = instance.anchor_problem()
    if problem is not None:
        yield problem
        return
    anchor = instance.source_anchor
    generated_at = anchor.generated_at
    yield f"Instance identifier: {anchor.instance_identifier}"
    yield f"Generated at:        {'' if generated_at is None else xml_datetime(generated_at)}"
    yield f"Hash:                {instance.source_anchor_hash}"


def _key(key: SigningKey) -> str:
    problem = key.certificate_problem
    return f"{key.id} ({problem or f'Certificate: {key.certificate_path}'})"


def _not_configured(name: str) -> str:
    return f"NOT CONFIGURED (add '{name}' to 'conf.ini')"
