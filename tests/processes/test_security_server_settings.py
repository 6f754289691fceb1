"""Files that a security server's settings name: relative to the TOML file, all of them; one that is not there is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from sild.errors import CallerError
from sild.processes.security_server import SecurityServerProcessSettings
from sild.security_server import SecurityServerSettings
from sild.security_server.watch import _daemons_certificate


def test_every_path_starts_at_the_file(tmp_path: Path) -> None:
    fields = SecurityServerSettings.model_fields
    paths = [name for name, field in fields.items() if field.annotation in (Path, Path | None)]
    assert "op_monitor_certificate" in paths
    given = {name: name for name in paths} | {"owner": "DEV:COM:1", "server_code": "SS"}
    resolved = SecurityServerProcessSettings.model_validate(given).at(tmp_path)
    assert {name: getattr(resolved, name) for name in paths} == {name: tmp_path / name for name in paths}


@pytest.mark.parametrize(("content", "why"), [(None, "No such file"), (b"no certificate", "certificate")])
def test_the_monitoring_daemons_certificate(tmp_path: Path, content: bytes | None, why: str) -> None:
    file = tmp_path / "tls.crt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CallerError, match=why) as caught:
        _daemons_certificate(file)
    assert str(file) in caught.value.message
