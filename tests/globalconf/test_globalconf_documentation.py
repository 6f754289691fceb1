"""The statements of docs/globalconf.md run; every code these rooms raise is documented."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_statements_hold() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/globalconf.md").read_text("utf-8"), re.DOTALL)
    exec(compile(block, "docs/globalconf.md", "exec"), {})


def test_the_example_of_the_client_is_python() -> None:
    page = (ROOT / "docs/configuration_client.md").read_text("utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    compile(block, "docs/configuration_client.md", "exec")


def test_every_code_is_documented() -> None:
    page = (ROOT / "docs/configuration_client.md").read_text("utf-8")
    table = (
        page.partition("## Codes")[2].partition("## Where")[0].replace("`...", "`global_conf_header_field")
    )
    sources = [
        *(ROOT / "src/sild/xroad/globalconf").glob("*.py"),
        *(ROOT / "src/sild/configuration_client").glob("*.py"),
    ]
    raised = {
        code
        for path in sources
        for code in re.findall(
            r'"(global_conf_[a-z_]+|malformed_[a-z_]+|anchor_file[a-z_]+)"', path.read_text("utf-8")
        )
    }
    assert len(raised) > 15
    assert raised <= set(re.findall(r"`([a-z_]+)`", table)) | {"malformed_global_conf"}
