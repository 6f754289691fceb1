"""The country's own AI gateway: without any model, until somebody names one in `ai-gateway/gateway.toml` and starts it again.

It answers `no_model` then, and everybody goes on by search, rules and people; its public pages and its keys are there in any case.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sild.ai_gateway import Gateway, GatewaySettings, KeyRefused, open_parts
from sild.assistant import ALGORITHM, PURPOSE, TEMPLATE
from sild.clock import Clock
from sild.private_files import write_private
from sild.settings import read_settings
from sild.telemetry import get_logger

__all__ = ["CountryGateway", "open_gateway", "tell_of_fields"]

log = get_logger("nation")

SETTINGS = b"""\
# The country's gateway to AI models; docs/ai_gateway.md explains each setting. Read at the country's start, and by
# sild ai-gateway key list|key revoke|kill|revive|report --config THIS_FILE
directory = "."
canary_trips = ["request", "answer"]    # a planted mark that is heard switches providers off
# [[providers]]
# name = "here"
# kind = "local"
# model = "NAME"
# url = "http://127.0.0.1:PORT/v1"
"""


@dataclass(frozen=True, slots=True)
class CountryGateway:
    """assistant_key: the file with the key of the portal's assistant.  models: names of the providers it may ask."""

    gateway: Gateway
    settings_file: Path
    assistant_key: Path
    models: tuple[str, ...]


def open_gateway(directory: Path, *, clock: Clock) -> CountryGateway:
    """Settings and the assistant's key are made once. Blocks. Raises CallerError (settings, library, key), Unavailable."""
    directory.mkdir(mode=0o700, exist_ok=True)
    file, key_file = directory / "gateway.toml", directory / "assistant.key"
    write_private(file, SETTINGS, replace=False)
    settings = read_settings(GatewaySettings, file)
    gateway = Gateway(open_parts(settings, directory, clock=clock))
    try:
        if not _holds(gateway, key_file):
            _row, key = gateway.keys.issue(
                purpose=PURPOSE, algorithm=ALGORITHM, templates=(TEMPLATE,), made_by="founding"
            )
            write_private(key_file, f"{key}\n".encode())
    except BaseException:
        gateway.parts.store.close()
        raise
    return CountryGateway(gateway, file, key_file, tuple(each.name for each in settings.providers))


def tell_of_fields(gateway: Gateway, concepts: Iterable[str]) -> None:
    """At the start: fields of registers without a class go to no model, and whoever runs the country hears of it."""
    unclassed, unknown = gateway.parts.templates.differences(concepts)
    if unclassed:
        log.error("ai_gateway.fields_without_class", fields=", ".join(unclassed))
    if unknown:
        log.error("ai_gateway.fields_of_no_register", fields=", ".join(unknown))


def _holds(gateway: Gateway, key_file: Path) -> bool:
    """Whether the key's file is there and the gateway has issued it. A key that was revoked stays so: no other is made."""
    if not key_file.exists():
        return False
    try:
        gateway.keys.open(key_file.read_text().strip())
    except KeyRefused as error:
        return error.code != "unknown_key"
    return True
