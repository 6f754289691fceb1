"""Pages: templates with autoescape, texts in the person's language, one stylesheet, one script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from sild.design import stylesheet
from sild.i18n import format_moment, parse_accept_language, shipped_texts, whole_name
from sild.identity_provider.edge import ASKED_LANGUAGE_COOKIE, LANGUAGE_COOKIE, Call, set_cookie

__all__ = ["STATIC", "Pages"]

_HERE = Path(__file__).parent
LANGUAGE_SECONDS = 31_536_000
LANGUAGE_NAMES = {"et": "Eesti", "vi": "Tiếng Việt", "en": "English"}

STATIC: Mapping[str, tuple[bytes, str]] = {
    "identity.css": (stylesheet(_HERE / "static" / "identity.css"), "text/css"),
    "identity.js": ((_HERE / "static" / "identity.js").read_bytes(), "text/javascript"),
}


class Pages:
    def __init__(self, name: str, languages: tuple[str, ...], zone: ZoneInfo) -> None:
        self._texts = shipped_texts(_HERE / "texts", languages)
        self._zone = zone
        self._environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals["site"] = name
        self._environment.globals["whole_name"] = whole_name

    def language(self, call: Call, wanted: Sequence[str] = ()) -> str:
        """`?lang=`, then what the person chose before, what the service asks for (`ui_locales`) or did before, what the browser says."""
        asked = [value for name, value in call.query if name == "lang"]
        chosen = [call.cookies[LANGUAGE_COOKIE]] if LANGUAGE_COOKIE in call.cookies else []
        spoken = parse_accept_language(call.headers.get("accept-language", ""))
        before = [call.cookies[ASKED_LANGUAGE_COOKIE]] if ASKED_LANGUAGE_COOKIE in call.cookies else []
        return self._texts.choose([*asked, *chosen, *wanted, *before, *spoken])

    def render(
        self,
        call: Call,
        template: str,
        values: Mapping[str, object],
        *,
        status: int = 200,
        wanted: Sequence[str] = (),
    ) -> Response:
        language = self.language(call, wanted)
        html = self._environment.get_template(template).render(
            say=self._texts.speaker(language),
            language=language,
            languages=[(tag, LANGUAGE_NAMES[tag]) for tag in self._texts.languages],
            path=call.path if call.method == "GET" else "",
            moment=lambda at: self._moment(at, language),
            **values,
        )
        response = HTMLResponse(html, status)
        if any(name == "lang" and value == language for name, value in call.query):
            set_cookie(response, LANGUAGE_COOKIE, language, seconds=LANGUAGE_SECONDS)
        if wanted:
            set_cookie(response, ASKED_LANGUAGE_COOKIE, language)
        return response

    def _moment(self, at: datetime, language: str) -> str:
        return format_moment(at.astimezone(self._zone), language)
