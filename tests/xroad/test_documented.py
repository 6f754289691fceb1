"""Every fault code stands in docs/fault-codes.md, as the table in the code has it."""

from __future__ import annotations

from pathlib import Path

from sild.xroad.fault_codes import CODES, ORIGINS

PAGE = Path(__file__).resolve().parents[2] / "docs/fault-codes.md"


def test_every_code_is_documented() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    expected = [
        f"| `{code.snake_case}` | `{code.camel_case}` | {code.meaning} |"
        for code in (*ORIGINS, *CODES.values())
    ]
    assert rows == expected
