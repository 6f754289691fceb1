"""The egress report for people: one page, no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from sild.ai_gateway.report import EgressReport
from sild.design import stylesheet
from sild.i18n import Speaker, format_day, shipped_texts

__all__ = ["LANGUAGES", "egress_page"]

_TEXTS = shipped_texts(Path(__file__).parent / "texts")
LANGUAGES = _TEXTS.languages
_STYLE = """
main{max-width:60rem;margin:auto;padding:1rem}.far{display:inline-block;padding:.6rem .6rem .6rem 0}
table{border-collapse:collapse;width:100%}th,td{text-align:start;padding:.5rem 1rem .5rem 0;border-bottom:1px solid var(--line)}
@media (max-width:40rem){thead{display:none}tr{display:block;padding:.6rem 0;border-bottom:2px solid var(--edge)}
td{display:flex;justify-content:space-between;gap:1rem;padding:.3rem 0;border:0}td::before{content:attr(data-head);font-weight:600}}
"""
_NAMES = {"et": "eesti", "vi": "Tiếng Việt", "en": "English"}
_COLUMNS = ("provider", "region", "purpose", "class", "askings", "answered")


def egress_page(reports: Sequence[EgressReport], language: str) -> str:
    """HTML; the newest day first. Names of providers and purposes come from settings and keys, and are escaped all the same."""
    say = _TEXTS.speaker(language)
    days = (
        "".join(_day(report, say, language) for report in reports)
        or f"<p>{escape(say('egress.nothing'))}</p>"
    )
    others = " ".join(
        f'<a class="far" lang="{each}" hreflang="{each}" href="?lang={each}">{_NAMES[each]}</a>'
        for each in LANGUAGES
        if each != language
    )
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(say('egress.title'))}</title><style>{stylesheet().decode()}"
        f"{_STYLE}</style></head>"
        f"<body><main><nav>{others}</nav><h1>{escape(say('egress.title'))}</h1>"
        f"<p>{escape(say('egress.about'))}</p>{days}</main></body></html>"
    )


def _day(report: EgressReport, say: Speaker, language: str) -> str:
    day = format_day(report.day, language)
    summary = say(
        "egress.summary",
        calls=report.calls,
        abroad=report.askings_abroad,
        local=report.askings_local,
        refused=sum(report.refused.values()),
    )
    iso = report.day.isoformat()
    files = (
        f'<a class="far" href="/egress/{iso}.json">JSON</a> <a class="far" href="/egress/{iso}.csv">CSV</a>'
    )
    return f"<section><h2>{escape(day)}</h2><p>{escape(summary)}</p>{_canaries(report, say)}<p>{files}</p>{_table(report, say, day)}</section>"


def _canaries(report: EgressReport, say: Speaker) -> str:
    """What became of the marks; nothing where none is planted."""
    if not report.planted and not report.alarms:
        return ""
    told = say(
        "egress.canaries",
        planted=sum(report.planted.values()),
        classes=len(report.planted),
        requests=report.stopped("request"),
        answers=report.stopped("answer"),
        left=report.canaries_left,
    )
    return f"<p>{escape(told)}</p>"


def _table(report: EgressReport, say: Speaker, day: str) -> str:
    if not report.rows:
        return ""
    heads = "".join(f'<th scope="col">{escape(say(f"egress.{name}"))}</th>' for name in _COLUMNS)
    rows = "".join(f"<tr>{''.join(_told(name, row, say) for name in _COLUMNS)}</tr>" for row in report.rows)
    caption = escape(say("egress.table", day=day))
    return f'<table aria-label="{caption}"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _told(name: str, row: Mapping[str, str | int], say: Speaker) -> str:
    """A cell with its heading, which narrow screens show beside it."""
    return f'<td data-head="{escape(say(f"egress.{name}"))}">{escape(_cell(name, str(row[name]), say))}</td>'


def _cell(name: str, value: str, say: Speaker) -> str:
    if name == "class":
        return say(f"class.{value}")
    return say("egress.local") if name == "region" and value == "local" else value
