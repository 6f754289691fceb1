"""The proxy instances' configuration files, in the reference's layout (UG-CP 3.2.1), so that its manual holds here too.

    <configuration path>/<proxy instance>/conf.ini            see `conf_ini`
    <configuration path>/<proxy instance>/anchor.xml          of the source; put there by hand or by `set_source_anchor`
    <configuration path>/<proxy instance>/cert_<key id>.pem   a signing key's certificate

A change is one file replaced by rename, under a lock that other processes' changes wait for.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from sild.configuration_proxy.conf_ini import (
    ACTIVE_SIGNING_KEY_ID,
    VALIDITY_INTERVAL_SECONDS,
    ConfIni,
)
from sild.configuration_proxy.errors import Conflict, NotFound
from sild.configuration_proxy.proxy_instance import ProxyInstance, SigningKey
from sild.errors import CallerError, PeerError, PlatformError, Unavailable
from sild.pki import der, read_certificate
from sild.xroad.globalconf import parse_anchor

__all__ = ["DEFAULT_VALIDITY_INTERVAL_SECONDS", "Instances"]

DEFAULT_VALIDITY_INTERVAL_SECONDS = 600
MAX_FILE_BYTES = 1024 * 1024

CONF_INI = "conf.ini"
ANCHOR_XML = "anchor.xml"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class Instances:
    """`path`: the configuration path. Everything is read from disk when it is asked for: people edit these files."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> tuple[str, ...]:
        """Every directory with a conf.ini, in order."""
        try:
            found = [p.name for p in self.path.iterdir() if (p / CONF_INI).is_file()]
        except FileNotFoundError:
            return ()
        return tuple(sorted(name for name in found if _NAME.fullmatch(name)))

    def instance(self, name: str) -> ProxyInstance:
        """Raises NotFound, Unavailable (a file that cannot be read)."""
        directory = self._directory(name)
        conf = self._conf(directory)
        active = conf.get(ACTIVE_SIGNING_KEY_ID)
        return ProxyInstance(
            name=name,
            directory=directory,
            validity_interval_seconds=conf.validity_interval_seconds,
            source_anchor_file=_read(directory / ANCHOR_XML),
            signing_keys=tuple(
                self._signing_key(directory, key_id, active=key_id == active)
                for key_id in conf.signing_key_ids
                if _KEY_ID.fullmatch(key_id)
            ),
        )

    def create(self, name: str) -> ProxyInstance:
        """A new instance with the default validity interval. Raises Conflict, CallerError (not a name), Unavailable."""
        if not _NAME.fullmatch(name):
            raise CallerError(
                f"{name!r} is no name: letters, digits, '.', '_' and '-', at most 64", code="bad_request"
            )
        directory = self.path / name
        with _disk(directory):
            directory.mkdir(parents=True, exist_ok=True)
            if (directory / CONF_INI).exists():
                raise Conflict(f"Configuration for instance '{name}' already exists, aborting.")
            conf = ConfIni().with_value(VALIDITY_INTERVAL_SECONDS, str(DEFAULT_VALIDITY_INTERVAL_SECONDS))
            _write(directory / CONF_INI, conf.render().encode())
        return self.instance(name)

    def set_source_anchor(self, name: str, file: bytes) -> None:
        """Raises CallerError (`malformed_anchor`), NotFound, Unavailable."""
        try:
            parse_anchor(file)
        except PeerError as error:
            raise CallerError(error.message, code="malformed_anchor") from error
        directory = self._directory(name)
        with _disk(directory):
            _write(directory / ANCHOR_XML, file)

    def change(self, name: str, edit: Callable[[ConfIni], ConfIni]) -> None:
        """Replace conf.ini by what `edit` makes of it; what `edit` raises leaves it as it was."""
        directory = self._directory(name)
        with _disk(directory), (directory / ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _write(directory / CONF_INI, edit(self._conf(directory)).render().encode())

    def write_certificate(self, name: str, key_id: str, certificate: bytes) -> None:
        """`certificate`: DER; on disk it is PEM."""
        directory = self._directory(name)
        with _disk(directory):
            pem = read_certificate(certificate).public_bytes(Encoding.PEM)
            _write(_certificate_path(directory, key_id), pem)

    def delete_certificate(self, name: str, key_id: str) -> None:
        directory = self._directory(name)
        with _disk(directory):
            _certificate_path(directory, key_id).unlink(missing_ok=True)

    def _directory(self, name: str) -> Path:
        directory = self.path / name
        if not _NAME.fullmatch(name) or not directory.is_dir():
            raise NotFound(f"Configuration for proxy instance '{name}' does not exist.")
        return directory

    def _conf(self, directory: Path) -> ConfIni:
        data = _read(directory / CONF_INI)
        if data is None:
            raise NotFound(
                f"'{CONF_INI}' could not be loaded for proxy '{directory.name}': '{CONF_INI}' does not exist."
            )
        return ConfIni.parse(data.decode(errors="replace"))

    def _signing_key(self, directory: Path, key_id: str, *, active: bool) -> SigningKey:
        path = _certificate_path(directory, key_id)
        data = _read(path)
        if data is not None:
            try:
                data = der(read_certificate(data))
            except PlatformError:
                pass  # shown as it is: `SigningKey.certificate_problem`
        return SigningKey(key_id, path, data, active)


def _certificate_path(directory: Path, key_id: str) -> Path:
    return directory / f"cert_{key_id}.pem"


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror}", code="load_instance_error") from error


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, and on the disk when this returns."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with draft.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _disk(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(f"{directory}: {error.strerror or error}", code="save_instance_error") from error
