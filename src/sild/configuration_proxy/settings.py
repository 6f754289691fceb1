"""What a configuration proxy is told: UG-CP 3.2's parameters under their names, in TOML's spelling."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from sild.errors import PlatformError
from sild.pki import DigestAlgorithm
from sild.settings import Settings

__all__ = ["ConfigurationProxySettings", "Protocol"]

Protocol = Literal["http", "https"]
DIGESTS = {digest.http_name: digest for digest in DigestAlgorithm}


class ConfigurationProxySettings(Settings):
    """`directory` holds everything the paths below do not put elsewhere; relative paths start where the process is told."""

    directory: Path
    address: str = Field(
        pattern=r"^[A-Za-z0-9.:\[\]-]{1,255}$"
    )  # public host name or IP address, and port if not the usual one
    protocols: tuple[Protocol, ...] = Field(
        default=("http", "https"), min_length=1
    )  # of the anchors' addresses
    configuration_path: Path | None = None  # proxy instances; None: `directory`/confproxy
    generated_conf_path: Path | None = None  # what is served; None: `directory`/public
    signature_digest_algorithm_id: Literal["SHA-256", "SHA-384", "SHA-512"] = "SHA-512"
    hash_algorithm_uri: str = DigestAlgorithm.SHA512.uri
    minimum_global_configuration_version: int = Field(default=2, ge=2, le=6)
    update_seconds: float = Field(default=60.0, gt=0)  # between the ends and starts of an instance's rounds
    allowed_federations: Literal["none", "all"] | tuple[str, ...] = (
        "none"  # partners passed on, or their names
    )
    global_conf_tls_cert_verification: bool = True  # of sources asked over https, by the system's CAs

    @field_validator("hash_algorithm_uri")
    @classmethod
    def _known(cls, uri: str) -> str:
        try:
            return DigestAlgorithm.from_uri(uri).uri
        except PlatformError as error:
            raise ValueError(error.message) from None

    @property
    def instances_directory(self) -> Path:
        return self.configuration_path or self.directory / "confproxy"

    @property
    def public_directory(self) -> Path:
        return self.generated_conf_path or self.directory / "public"

    @property
    def signature_digest(self) -> DigestAlgorithm:
        return DIGESTS[self.signature_digest_algorithm_id]

    @property
    def hash_algorithm(self) -> DigestAlgorithm:
        return DigestAlgorithm.from_uri(self.hash_algorithm_uri)

    def at(self, base: Path) -> ConfigurationProxySettings:
        """The same with paths that start at `base`."""
        changed: dict[str, Path] = {"directory": base / self.directory}
        for name in ("configuration_path", "generated_conf_path"):
            path = getattr(self, name)
            if path is not None:
                changed[name] = base / path
        return self.model_copy(update=changed)
