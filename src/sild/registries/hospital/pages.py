"""What the ward's one page shows, and what its forms say."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sild.errors import CallerError
from sild.i18n import parse_accept_language, shipped_texts
from sild.registries.hospital.register import HospitalRegister, NewBirth
from sild.registries.hospital.sessions import Midwife
from sild.registries.hospital.settings import WardSettings

__all__ = ["HEADERS", "WardPages", "form_of", "read_birth", "read_death"]

T = TypeVar("T")

HERE = Path(__file__).parent
MAX_FORM_BYTES = 8 * 1024
HEADERS = {
    "Referrer-Policy": "strict-origin",  # a form's Origin would be null under a stricter one
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
FIELDS = (
    "mother",
    "father",
    "sex",
    "born",
    "multiple",
    "stillborn",
    "child",
    "person",
    "full_name",
    "died",
    "token",
)


class WardPages:
    def __init__(self, register: HospitalRegister, settings: WardSettings) -> None:
        self._register = register
        self._settings = settings
        self._texts = shipped_texts(HERE / "texts", settings.languages)
        environment = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined)
        self._template = environment.get_template("ward.html")
        self._headers = HEADERS | {
            "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
            f"form-action 'self' {settings.provider.issuer}"
        }

    def render(
        self,
        request: Request,
        midwife: Midwife | None,
        form_token: str,
        *,
        said: str = "",
        good: bool = False,
        kept: Mapping[str, str] | None = None,
        status: int = 200,
    ) -> HTMLResponse:
        """said: a key of `said`, or words.  kept: what stands in the forms; None: what was kept over a log-in, or nothing."""
        language = self.language(request)
        role = None if midwife is None else midwife.role(self._settings)
        typed = kept if kept is not None else midwife.kept if midwife is not None else None
        body = self._template.render(
            language=language,
            languages=self._texts.languages,
            say=self._texts.speaker(language),
            hospital=self._register.name,
            midwife=midwife,
            role=role,
            tells_of_deaths=midwife is not None and midwife.tells_of_deaths(self._settings),
            form_token=form_token,
            token=secrets.token_hex(16),
            now=self._register.kernel.local_now.strftime("%Y-%m-%dT%H:%M"),
            notices=self._register.notices() if role is not None else [],
            mine=self._register.to_be_signed_by(midwife.code)
            if midwife is not None and role is not None
            else [],
            said=self._words(said, language),
            good=good,
            was_kept=kept is None and typed is not None,
            kept={name: (typed or {}).get(name, "") for name in FIELDS},
        )
        return HTMLResponse(body, status_code=status, headers=self._headers)

    def said(self, refusal: CallerError) -> str:
        """In the midwife's words where there are some."""
        key = f"refusal.{refusal.code}"
        return refusal.code if key in self._texts else refusal.message

    def _words(self, said: str, language: str) -> str:
        key = f"refusal.{said}"
        return self._texts.speaker(language)(key) if said and key in self._texts else said

    def language(self, request: Request) -> str:
        asked = request.query_params.get("lang", "")
        wanted = [asked] if asked else parse_accept_language(request.headers.get("accept-language", ""))
        return self._texts.choose(wanted)


def read_birth(form: Mapping[str, str]) -> NewBirth:
    """Raises CallerError (`bad_request`)."""
    return NewBirth(
        mother=form.get("mother", ""),
        father=form.get("father") or None,
        sex=form.get("sex", ""),
        born=_read(datetime.fromisoformat, form.get("born", "")),
        stillborn=form.get("stillborn") == "yes",
        multiple=_read(int, form["multiple"]) if form.get("multiple") else None,
        child=form.get("child") or None,
    )


def read_death(form: Mapping[str, str]) -> tuple[str, str, date]:
    """Who, their name, and when. Raises CallerError (`bad_request`)."""
    name = form.get("full_name", "")
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise CallerError("the name of who died is missing", code="bad_request")
    return form.get("person", ""), name, _read(date.fromisoformat, form.get("died", ""))


def _read(parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except ValueError:
        raise CallerError("a day, a time or a number cannot be read", code="bad_request") from None


async def form_of(request: Request) -> dict[str, str] | None:
    """Fields of an urlencoded form, blanks around them removed; None when there is too much."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            return None
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=20)
    except ValueError:
        return None
    return {name: values[0].strip() for name, values in fields.items()}
