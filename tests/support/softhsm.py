"""SoftHSM: a PKCS#11 library whose tokens are directories. Each test has tokens of its own; without SoftHSM it is skipped.

@pytest.fixture
def hsm(tmp_path, monkeypatch): return SoftHsm.begin(tmp_path, monkeypatch)
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from sild.signer import Pkcs11Device

PIN = "4321"
SO_PIN = "87654321"
LIBRARIES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)


@dataclass
class SoftHsm:
    directory: Path
    library: str
    configuration: Path

    @classmethod
    def begin(cls, directory: Path, monkeypatch: pytest.MonkeyPatch) -> SoftHsm:
        library = next((path for path in LIBRARIES if Path(path).exists()), None)
        if library is None or shutil.which("softhsm2-util") is None:
            pytest.skip("SoftHSM is not installed (Debian: apt-get install softhsm2)")
        if importlib.util.find_spec("pkcs11") is None:
            pytest.skip("python-pkcs11 is not installed (pip install sild[pkcs11])")
        tokens = directory / "tokens"
        tokens.mkdir()
        configuration = directory / "softhsm2.conf"
        configuration.write_text(
            f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n"
        )
        monkeypatch.setenv("SOFTHSM2_CONF", str(configuration))
        return cls(directory, library, configuration)

    def make_token(self, label: str, pin: str = PIN) -> None:
        self.util("--init-token", "--free", "--label", label, "--pin", pin, "--so-pin", SO_PIN)

    def util(self, *arguments: str) -> None:
        subprocess.run(["softhsm2-util", *arguments], check=True, capture_output=True)

    def device(self, **values: object) -> Pkcs11Device:
        return Pkcs11Device.model_validate({"library": self.library, "token_id_format": "{label}"} | values)

    def pull_out(self) -> None:
        """All tokens at once: what a card reader that is unplugged does."""
        (self.directory / "tokens").rename(self.directory / "elsewhere")
        (self.directory / "tokens").mkdir()

    def put_back(self) -> None:
        (self.directory / "tokens").rmdir()
        (self.directory / "elsewhere").rename(self.directory / "tokens")
