"""Which addresses a configuration is asked from, and in which order (WIRE 13.2, UG-SS 'configuration client'). Pure.

Known addresses come from two places: the `source` elements of the shared parameters already held, each with the certificates
named there, and the anchor with its own. A directory from an address is verified against that address's certificates alone.
https goes before http, the address that worked last before all, those of equal standing in random order (`shuffle`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, urlsplit, urlunsplit

from sild.xroad.globalconf import (
    CURRENT_VERSION,
    MINIMUM_VERSION,
    ConfigurationAnchor,
    ConfigurationSource,
    SharedParameters,
)

__all__ = ["FederationFilter", "Location", "Shuffle", "download_locations", "versioned_urls"]

Shuffle = Callable[[list["Location"]], None]

INTERNAL = "internalconf"
EXTERNAL = "externalconf"


@dataclass(frozen=True, slots=True)
class Location:
    """An address without version, and the DER certificates that may have signed what it serves."""

    url: str
    verification_certs: tuple[bytes, ...] = field(repr=False)


def download_locations(
    anchor: ConfigurationAnchor,
    held: SharedParameters | None,
    *,
    last_successful: Location | None,
    shuffle: Shuffle,
) -> list[Location]:
    """Every location once, best first."""
    ordered: list[Location] = []
    for group in (_from_sources(anchor, held), _from_anchor(anchor)):
        secure = [location for location in group if location.url.lower().startswith("https:")]
        plain = [location for location in group if location not in secure]
        for half in (secure, plain):
            shuffle(half)
            ordered += half
    ordered = list(dict.fromkeys(ordered))
    if last_successful in ordered:
        ordered.remove(last_successful)
        ordered.insert(0, last_successful)
    return ordered


def _from_anchor(anchor: ConfigurationAnchor) -> list[Location]:
    """As given, and an http address with the default port over https too."""
    found = []
    for source in anchor.sources:
        parts = _split(source.download_url)
        if parts is None:
            continue
        if parts.scheme.lower() == "http" and ":" not in parts.netloc.rpartition("]")[2]:
            found.append(Location(urlunsplit(parts._replace(scheme="https")), source.verification_certs))
        found.append(Location(source.download_url, source.verification_certs))
    return found


def _from_sources(anchor: ConfigurationAnchor, held: SharedParameters | None) -> list[Location]:
    """The addresses in the shared parameters, with the path (`internalconf`, `externalconf`, a proxy's) the anchor uses."""
    path = _configuration_path(anchor)
    if held is None or path is None:
        return []
    found = []
    for source in held.sources:
        certificates = _certificates_for(path, source)
        if source.address and certificates and _split(f"https://{source.address}/") is not None:
            found += [Location(f"{s}://{source.address}/{path}", certificates) for s in ("https", "http")]
    return found


def _split(url: str) -> SplitResult | None:
    """None for what is no URL: a partner's anchor, or an address in shared parameters, may say anything."""
    try:
        return urlsplit(url)
    except ValueError:
        return None


def _configuration_path(anchor: ConfigurationAnchor) -> str | None:
    for source in anchor.sources:
        parts = _split(source.download_url)
        if parts is not None and parts.netloc and parts.path.strip("/"):
            path = parts.path.lstrip("/")
            return f"{path}?{parts.query}" if parts.query else path
    return None


def _certificates_for(path: str, source: ConfigurationSource) -> tuple[bytes, ...]:
    name = path.partition("?")[0]
    if name == INTERNAL:
        return source.internal_verification_certs
    if name == EXTERNAL:
        return source.external_verification_certs
    return tuple(dict.fromkeys(source.internal_verification_certs + source.external_verification_certs))


def versioned_urls(url: str, *, known: int | None = None) -> Sequence[tuple[int | None, str]]:
    """(version, URL) to try in turn until one is not 404: 6 down to 2, or from `known` on, the one that worked last.

    An address that has a `version` already is taken as it is.
    """
    parts = urlsplit(url)
    if any(name == "version" for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
        return [(None, url)]
    first = CURRENT_VERSION if known is None else known
    found = []
    for version in range(first, MINIMUM_VERSION - 1, -1):
        query = f"{parts.query}&version={version}" if parts.query else f"version={version}"
        found.append((version, urlunsplit(parts._replace(query=query))))
    return found


class FederationFilter:
    """`allowed-federations`: "none", "all", or instances joined by commas, compared without case. "none" wins over all."""

    def __init__(self, allowed: str | Iterable[str], own_instance: str) -> None:
        names = allowed.split(",") if isinstance(allowed, str) else allowed
        words = {name.strip().casefold() for name in names} - {""}
        self._own = own_instance
        self._all = "all" in words and "none" not in words
        self._names = frozenset() if "none" in words else frozenset(words - {"all"})

    def allows(self, instance: str) -> bool:
        """Is `instance` a partner whose configuration may be downloaded? The own one is none."""
        return instance != self._own and (self._all or instance.casefold() in self._names)
