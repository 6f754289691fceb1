"""What the settings of a keeper of a message log have to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from sild.errors import CallerError
from sild.processes.security_server import SecurityServerProcessSettings
from sild.settings import read_settings

SERVER = 'owner = "DEV:COM:1"\nserver_code = "ss1"\nanchor = "anchor.xml"\ndirectory = "state"\n[witness]\n'


def settings(directory: Path, witness: str) -> SecurityServerProcessSettings:
    file = directory / "server.toml"
    file.write_text(SERVER + witness)
    return read_settings(SecurityServerProcessSettings, file)


def test_paths_start_at_the_file_and_the_password_is_read(tmp_path: Path) -> None:
    (tmp_path / "pass").write_text("secret\n")
    found = settings(
        tmp_path, 'issuer = "https://login.example/"\npassword_file = "pass"\ndirectory = "keys"\n'
    ).at(tmp_path)
    assert found.witness is not None and found.witness.password is not None
    assert found.witness.password.get_secret_value() == "secret"
    assert (found.witness.directory, found.witness.issuer) == (tmp_path / "keys", "https://login.example")


@pytest.mark.parametrize(
    "witness",
    ['issuer = "http://login.example"\npassword = "x"\n', 'issuer = "login"\n', 'issuer = "https://login.example"\n',
     'issuer = "https://login.example"\npassword_file = "none"\n', 'issuer = "https://login.example"\nsubsystem = "a/b"\npassword = "x"\n',
     'issuer = "https://login.example"\npassword = "x"\nport = 1\n'],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_name(tmp_path: Path, witness: str) -> None:
    with pytest.raises(CallerError):
        settings(tmp_path, witness).at(tmp_path)
