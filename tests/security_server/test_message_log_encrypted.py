"""A security server whose settings ask for everything: bodies encrypted, archives for gpg, shipped by a command."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from pydantic import SecretStr
from test_downloads import exchanged, get, target
from world import World, make_pair

from sild.errors import CallerError
from sild.message_log import verify_archive
from sild.security_server import SecurityServer
from sild.signatures import read_asice
from support.gnupg import SIGNER, gnupg

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "message_log"


async def test_settings_reach_the_log(tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = tmp_path_factory.mktemp("encrypted")
    sent = directory / "sent"
    sent.mkdir()
    with gnupg() as gpg:
        gpg.new_key(SIGNER)
        consumer = {
            "message_log_keystore": VECTORS / "keystore.p12",
            "message_log_keystore_password": SecretStr("somepassword"),
            "message_log_key_id": "key1",
            "archive_encryption": True,
            "archive_gpg_home": gpg.home,
            "archive_grouping": "member",
            "archive_transfer_command": ("cp", "{files}", str(sent)),
        }
        async with World(directory) as world:
            pair = await make_pair(world, consumer=consumer)
            await exchanged(pair)
            server = pair.consumer.server
            files = [path.read_bytes() for path in server.settings.directory.glob("messagelog.db*")]
            assert files and not any(b"question" in data for data in files)
            await server.timestamper.tick()
            answer = await get(pair, target())
            with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
                for name in archive.namelist():
                    container = read_asice(io.BytesIO(archive.read(name)))
                    assert b"x-road-client" in container.message.lower()
            await server.archiver.archive()
            (name,) = await server.archiver.transfer()
            content, said = gpg.decrypt(sent / name)
            assert "GOODSIG" in said
            assert len(verify_archive(io.BytesIO(content)).containers) == 2

            wrong = server.settings.model_copy(
                update={"message_log_key_id": "key9", "directory": directory / "other"}
            )
            with pytest.raises(CallerError, match="key9"):
                SecurityServer(wrong)
