"""The midwife's page: one form for a birth, one for a death, and what became of the notices. Works without JavaScript.

It belongs on the hospital's own network; who signs is the workplace's matter, so it is told by whoever starts the page.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sild.design import stylesheet
from sild.errors import CallerError
from sild.i18n import parse_accept_language, shipped_texts
from sild.registries.hospital.register import HospitalRegister, NewBirth

__all__ = ["make_ward"]

T = TypeVar("T")

HERE = Path(__file__).parent
MAX_FORM_BYTES = 8 * 1024
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


def make_ward(
    register: HospitalRegister, *, author: str, languages: tuple[str, ...] = ("et", "vi", "en")
) -> FastAPI:
    """author: code of the midwife at this workplace.  languages: the first for those who speak none of them."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    page = _Page(register, author, languages)

    @app.get("/ward/", response_class=HTMLResponse)
    def ward(request: Request) -> HTMLResponse:
        return page.render(request)

    @app.get("/ward/ward.css")
    def css() -> Response:
        return Response(stylesheet(), media_type="text/css")

    @app.post("/ward/births")
    async def births(request: Request) -> Response:
        return await page.write(request, _birth)

    @app.post("/ward/deaths")
    async def deaths(request: Request) -> Response:
        return await page.write(request, _death)

    return app


class _Page:
    def __init__(self, register: HospitalRegister, author: str, languages: tuple[str, ...]) -> None:
        self._register = register
        self._author = author
        self._texts = shipped_texts(HERE / "texts", languages)
        environment = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined)
        self._template = environment.get_template("ward.html")

    def render(
        self, request: Request, *, refusal: str = "", kept: dict[str, str] | None = None
    ) -> HTMLResponse:
        language = self._language(request)
        defaults = dict.fromkeys(("mother", "father", "sex", "born", "multiple", "person", "died"), "")
        body = self._template.render(
            language=language,
            languages=self._texts.languages,
            say=self._texts.speaker(language),
            hospital=self._register.name,
            author=self._author,
            token=secrets.token_hex(16),
            now=self._register.kernel.local_now.strftime("%Y-%m-%dT%H:%M"),
            notices=self._register.notices(),
            refusal=refusal,
            kept={**defaults, **(kept or {})},
        )
        return HTMLResponse(body, status_code=422 if refusal else 200, headers=HEADERS)

    async def write(
        self, request: Request, note: Callable[[HospitalRegister, dict[str, str], str], None]
    ) -> Response:
        """Write one notice, then show the page anew, so that going back or reloading sends nothing twice."""
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return Response("not from this page", status_code=403)
        content = await _form(request)
        if content is None:
            return Response("the form is too large", status_code=413)
        try:
            await asyncio.to_thread(note, self._register, content, self._author)
        except CallerError as refusal:
            return await asyncio.to_thread(
                self.render, request, refusal=self._said(refusal, self._language(request)), kept=content
            )
        return RedirectResponse(f"./?lang={self._language(request)}", status_code=303, headers=HEADERS)

    def _said(self, refusal: CallerError, language: str) -> str:
        """In the midwife's words where there are some."""
        key = f"refusal.{refusal.code}"
        return self._texts.speaker(language)(key) if key in self._texts else refusal.message

    def _language(self, request: Request) -> str:
        asked = request.query_params.get("lang", "")
        wanted = [asked] if asked else parse_accept_language(request.headers.get("accept-language", ""))
        return self._texts.choose(wanted)


def _birth(register: HospitalRegister, form: dict[str, str], author: str) -> None:
    birth = NewBirth(
        mother=form.get("mother", ""),
        father=form.get("father") or None,
        sex=form.get("sex", ""),
        born=_read(datetime.fromisoformat, form.get("born", "")),
        stillborn=form.get("stillborn") == "yes",
        multiple=_read(int, form["multiple"]) if form.get("multiple") else None,
    )
    register.note_birth(birth, author=author, token=form.get("token", ""))


def _death(register: HospitalRegister, form: dict[str, str], author: str) -> None:
    died = _read(date.fromisoformat, form.get("died", ""))
    register.note_death(form.get("person", ""), died, author=author, token=form.get("token", ""))


def _read(parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except ValueError:
        raise CallerError("a day, a time or a number cannot be read", code="bad_request") from None


async def _form(request: Request) -> dict[str, str] | None:
    """Fields of an urlencoded form, blanks around them removed; None when there is too much."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            return None
    fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=20)
    return {name: values[0].strip() for name, values in fields.items()}
