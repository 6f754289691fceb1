"""How a decision's lines are shown to who contests it and to who answers, and which fact of a register a line says again. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sild.cases.decision_words import DecisionLine, UnknownLine, Worded, written
from sild.cases.views import FactLine
from sild.i18n import format_month

__all__ = [
    "LANGUAGES",
    "LINES",
    "SETTLED",
    "every_fact",
    "fact_line",
    "is_of",
    "is_told",
    "is_under",
    "left_words",
    "name_of",
    "name_of_unknown",
    "says_as",
]

LANGUAGES = {"et": "eesti", "vi": "Tiếng Việt", "en": "English"}
LINES: Mapping[str, Mapping[str, str]] = {
    "fact": {"et": "Fakt on vale", "vi": "Một dữ kiện sai", "en": "A fact is wrong"},
    "missing_fact": {"et": "Mõni fakt puudub", "vi": "Thiếu một dữ kiện", "en": "A fact is missing"},
    "rule": {"et": "Reegel on vale", "vi": "Quy tắc sai", "en": "The rule is wrong"},
    "circumstances": {
        "et": "Minu olukord on teistsugune",
        "vi": "Hoàn cảnh của tôi khác",
        "en": "My circumstances are special",
    },
    "person": {"et": "Soovin, et otsustaks inimene", "vi": "Tôi muốn người quyết định", "en": "A person should decide"},
}  # fmt: skip
SETTLED: Mapping[str, Mapping[str, str]] = {
    "CORRECTED": {"et": "Fakt parandati", "vi": "Dữ kiện đã được sửa", "en": "The fact was corrected"},
    "REFUSED": {"et": "Register jäi fakti juurde", "vi": "Cơ quan giữ nguyên dữ kiện", "en": "The register says the fact stands"},
    "UNKNOWN": {"et": "Register ei vastanud", "vi": "Cơ quan chưa trả lời", "en": "The register has not answered"},
}  # fmt: skip


LEFT: Mapping[str, Mapping[str, str]] = {
    "silence": {"et": "Inimene on surnud või kaitse all", "vi": "Người này đã mất hoặc được bảo vệ", "en": "There was a death, or somebody is protected"},
    "rules_failed": {"et": "Reegel ei andnud vastust", "vi": "Quy tắc không cho kết quả", "en": "The rules gave no answer"},
    "unknown_facts": {"et": "Mõni vajalik fakt ei ole teada", "vi": "Thiếu một dữ kiện cần thiết", "en": "A fact that it needs is not known"},
    "by_people": {"et": "Siin ei otsusta reegel", "vi": "Việc này không quyết định theo quy tắc", "en": "No rule decides this"},
    "discretion": {"et": "Siin kaalub inimene", "vi": "Việc này cần con người cân nhắc", "en": "This is for people to weigh"},
    "not_by_hand": {"et": "Käsitsi seda siin otsustada ei saa", "vi": "Không thể tự quyết định việc này tại đây", "en": "This cannot be decided by hand here"},
    "shredded": {"et": "Otsuse alused on kustutatud", "vi": "Căn cứ của quyết định đã bị xóa", "en": "What the decision rested on was erased"},
    "not_an_outcome": {"et": "Seda rida käsitsi ei anta", "vi": "Dòng này không tự quyết định được", "en": "This line is not given by hand"},
    "not_its_kind": {"et": "Reegel ei luba sellist väärtust", "vi": "Quy tắc không cho phép giá trị này", "en": "The rules allow no such value"},
}  # fmt: skip
OTHERWISE: Mapping[str, str] = {"et": "Register jättis selle inimesele", "vi": "Cơ quan để con người quyết định", "en": "The register left it to people"}  # fmt: skip


def left_words(reason: str, language: str) -> str:
    """Why it came back to the official."""
    return LEFT.get(reason, OTHERWISE)[language]


def every_fact(found: Worded) -> list[DecisionLine]:
    """Every fact by itself."""
    return [part for line in found.facts for part in line.parts or (line,)]


def fact_line(
    concept: str, of: str, line: DecisionLine, language: str, disputed: str | None = None
) -> FactLine:
    """disputed: name of the fact that is contested; a line of which it is a part is marked, too."""
    is_it = disputed is not None and disputed in {line.name, *(part.name for part in line.parts)}
    return FactLine(
        "contest.disputed" if is_it else concept,
        of,
        None if line.value is None else written(line, language),
        None if line.value is not None else "sealed" if line.is_sealed else "not_held",
        register=line.register,
        valid_from=line.on or None,
        label=name_of(line, language),
        is_marked=is_it,
        parts=tuple(
            replace(
                fact_line(concept, of, part, language, disputed), label=format_month(part.period, language)
            )
            for part in line.parts
        ),
    )


def name_of(line: DecisionLine, language: str) -> str:
    """`Income (mother), March 2025 – February 2026`."""
    who = f" ({line.who})" if line.who and line.who != "person" else ""
    months = [month if len(month) != 7 else format_month(month, language) for month in line.period.split("/")]
    return f"{line.label}{who}" + (f", {' – '.join(months)}" if line.period else "")


def name_of_unknown(line: UnknownLine) -> str:
    who = f" ({line.who})" if line.who and line.who != "person" else ""
    return f"{line.label}{who}" + (f" × {line.count}" if line.count > 1 else "")


def says_as(one: DecisionLine, other: DecisionLine) -> bool:
    return (one.period, one.value) == (other.period, other.value)


def is_of(fact: Mapping[str, Any], line: DecisionLine) -> bool:
    """Whether a register's fact says what the line says: in its own words, or as the amount of a month among its days."""
    value = fact.get("value")
    if value == line.value:
        return True
    if not isinstance(value, Mapping) or "amount" not in value or not line.period:
        return False
    day = f"{line.period}-01"
    begin, end = fact.get("valid_from") or "", fact.get("valid_to") or "9999"
    try:
        return begin <= day < end and Decimal(value["amount"]) == Decimal(str(line.value))
    except ArithmeticError:
        return False


def is_under(fact: Mapping[str, Any], line: DecisionLine) -> bool:
    """Whether the line may follow from what the register says in several parts, where it says that in one, as of the home it lives in the
    commune of: true on the day of the line, and no amount.
    """
    value = fact.get("value")
    if not isinstance(value, Mapping) or "amount" in value or line.kind == "money" or not line.on:
        return False
    return (fact.get("valid_from") or "") <= line.on < (fact.get("valid_to") or "9999")


def is_told(child: Mapping[str, Any], instance: str, found: Worded) -> bool:
    """Whether what the decision says of this one of its people, the code or the day of birth, is the child's; of whom it says neither, nobody's."""
    own = {"code": child.get("code"), "born": child.get("born")}
    said = {
        one.name.split("/")[2]: one.value
        for one in every_fact(found)
        if one.name.startswith(f"persons/{instance}/") and one.name.split("/")[2] in own
    }
    return bool(said) and all(own[name] == value for name, value in said.items())
