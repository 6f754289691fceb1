"""Settings are refused by name, never guessed."""

from pathlib import Path

import pytest

from sild.errors import CallerError
from sild.settings import Settings, read_settings


class Ports(Settings):
    message_port: int
    name: str = "ss1"


def test_reads_toml(tmp_path: Path) -> None:
    file = tmp_path / "server.toml"
    file.write_text("message_port = 5500\n")
    assert read_settings(Ports, file) == Ports(message_port=5500)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("message_port = 5500\nmesage_port = 1", "mesage_port"),
        ("message_port = 'many'", "message_port"),
        ("", "message_port"),
        ("message_port = ", "not TOML"),
    ],
)
def test_names_what_is_wrong(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "server.toml"
    file.write_text(text)
    with pytest.raises(CallerError, match=named):
        read_settings(Ports, file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CallerError, match=r"absent\.toml"):
        read_settings(Ports, tmp_path / "absent.toml")
