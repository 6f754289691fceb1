"""Pages: templates with autoescape, texts in the visitor's language, one stylesheet, one script, both named by their content."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from babel import Locale
from babel.dates import format_timedelta
from babel.numbers import format_decimal
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from sild.cases import own_look
from sild.catalogue import Text
from sild.clock import Clock
from sild.design import stylesheet
from sild.i18n import (
    country_name,
    format_day,
    format_moment,
    format_money,
    parse_accept_language,
    shipped_texts,
)
from sild.identity_client import new_secret
from sild.portal.edge import BROWSER_COOKIE, LANGUAGE_COOKIE, Call, set_cookie
from sild.portal.ports import Cases
from sild.portal.settings import PortalSettings
from sild.portal.visit import Visit

__all__ = ["LANGUAGE_NAMES", "Pages"]

_HERE = Path(__file__).parent
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)", re.ASCII)
LANGUAGE_SECONDS = 31_536_000
LANGUAGE_NAMES = {"et": "Eesti", "vi": "Tiếng Việt", "en": "English"}


class Pages:
    """static: path below /static -> content and media type; the names in pages bear a digest, so browsers may keep them.

    shelf: secret of which keys for drafts written offline are made, see `Visit.shelf`.
    """

    def __init__(self, settings: PortalSettings, cases: Cases, clock: Clock, *, shelf: bytes) -> None:
        self.texts = shipped_texts(_HERE / "texts", settings.languages)
        self._settings = settings
        self._cases = cases
        self._clock = clock
        self._shelf = shelf
        script = (_HERE / "static" / "portal.js").read_bytes()
        self.static: Mapping[str, tuple[bytes, str]] = {
            "portal.css": (stylesheet(_HERE / "static" / "portal.css"), "text/css"),
            "slips.css": ((_HERE / "static" / "slips.css").read_bytes(), "text/css"),
            "portal.js": (script, "text/javascript"),
            "kept.js": ((_HERE / "static" / "kept.js").read_bytes(), "text/javascript"),
            "icon.svg": ((_HERE / "static" / "icon.svg").read_bytes(), "image/svg+xml"),
            "icon-192.png": ((_HERE / "static" / "icon-192.png").read_bytes(), "image/png"),
            "icon-512.png": ((_HERE / "static" / "icon-512.png").read_bytes(), "image/png"),
        }
        self._environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals["site"] = settings.name
        self._environment.globals["static"] = self.static_url

    def language(self, call: Call) -> str:
        """`?lang=`, then what the visitor chose before, then what the browser says."""
        chosen = [call.cookies[LANGUAGE_COOKIE]] if LANGUAGE_COOKIE in call.cookies else []
        asked = [call.query["lang"]] if "lang" in call.query else []
        return self.texts.choose(
            [*asked, *chosen, *parse_accept_language(call.headers.get("accept-language", ""))]
        )

    def page(self, visit: Visit, template: str, values: Mapping[str, Any], *, status: int = 200) -> Response:
        """values: for the template; every text in them is escaped."""
        language = visit.language
        who, shelf = visit.shelf(self._shelf)
        html = self._environment.get_template(template).render(
            say=self.texts.speaker(language),
            language=language,
            languages=[(tag, LANGUAGE_NAMES[tag]) for tag in self.texts.languages],
            visit=visit,
            form_token=visit.form_token,
            who=who,
            shelf=shelf,
            offices=bool(self._settings.offices),
            new_key=new_secret,
            body_name=lambda code: self.body_name(code, language),
            concept=lambda name: self.concept(name, language),
            plain=lambda value: self._plain(value, language),
            coded=lambda concept, value: self._coded(concept, value, language),
            path=visit.call.path if visit.call.method == "GET" else "",
            here=visit.call.path,
            t=lambda text: self.text(text, language),
            day=lambda at: self.day(at, language),
            moment=lambda at: format_moment(at.astimezone(self._settings.zone), language),
            ago=lambda at: self._ago(at, language),
            land=lambda code: country_name(code, language),
            money=lambda value, currency: format_money(value, currency, language),
            words=lambda service, key, **more: self._cases.words(service, key, language, **more),
            spoken=lambda prefix, code: self.spoken(prefix, code, language),
            coded_word=lambda prefix, code, otherwise: self.coded_word(prefix, code, otherwise, language),
            **values,
        )
        response = HTMLResponse(html, status)
        if visit.call.query.get("lang") == language:
            set_cookie(response, LANGUAGE_COOKIE, language, seconds=LANGUAGE_SECONDS)
        return self.keep(visit, response)

    def keep(self, visit: Visit, response: Response) -> Response:
        """Sends the browser its cookie, if it had none."""
        if BROWSER_COOKIE in visit.call.set_cookies:
            set_cookie(
                response, BROWSER_COOKIE, visit.call.set_cookies[BROWSER_COOKIE], seconds=LANGUAGE_SECONDS
            )
        return response

    def today(self) -> date:
        return self._clock().astimezone(self._settings.zone).date()

    def own_look(self, visit: Visit) -> str:
        """The case id of whatever the person looks at today of what is kept of them."""
        return own_look(visit.person.person, visit.person.acting_for, self.today())

    def text(self, text: Text | None, language: str) -> str:
        """Of a text by language, this one, or any."""
        return "" if not text else text.get(language) or text.get("en") or next(iter(text.values()))

    def day(self, at: date | datetime | str | None, language: str) -> str:
        if at is None:
            return ""
        if isinstance(at, str):
            if not _DAY.match(at):
                return at
            at = datetime.fromisoformat(at) if _MOMENT.fullmatch(at) else date.fromisoformat(at[:10])
        if isinstance(at, datetime):
            at = at.astimezone(self._settings.zone).date()
        return format_day(at, language)

    def body_name(self, code: str, language: str) -> str:
        """Of a subsystem, `/SILD/GOV/70000002/population` in any of its spellings, or a body of that name."""
        parts = code.strip("/").split("/")
        tail = "/".join(parts[1:] if len(parts) == 4 or (len(parts) == 3 and len(parts[0]) != 3) else parts)
        for known, title in self._settings.bodies.items():
            if known == tail or (tail + "/").startswith(known + "/") or known.rpartition("/")[2] == tail:
                return self.text(title, language)
        for source in self._settings.fact_sources:
            if tail == source.subsystem or source.subsystem.rpartition("/")[2] == tail:
                return self.text(source.title, language)
        return code

    def office_name(self, office: str, language: str) -> str:
        """`birth@0793` in words: what its desk is called here, or the matter and the place or body."""
        desk = next((one for one in self._settings.offices if one.authority == office), None)
        if desk is not None:
            return self.text(desk.title, language)
        matter, _at, where = office.partition("@")
        place = self._cases.place(where) or self.body_name(where, language)
        return f"{self.spoken('office', matter, language)}, {place}"

    def concept(self, name: str, language: str) -> str:
        """A concept in words, ours or those of a service; one nobody has words for, by its own name."""
        found = self.spoken("concept", name, language)
        if found != name:
            return found
        told = (self._cases.words(one.id, f"concept.{name}", language) for one in self._cases.services())
        return next(filter(None, told), name.rpartition(".")[2].replace("_", " ").capitalize())

    def size(self, count: int, language: str) -> str:
        """`1.2 MB`: of files, as people count them."""
        for number, unit in ((1_000_000, "MB"), (1_000, "kB")):
            if count >= number:
                return f"{format_decimal(round(count / number, 1), locale=Locale.parse(language))} {unit}"
        return f"{count} B"

    def use(self, operation: str, language: str) -> str:
        """What a register says was done with data, in the reader's language; what we have no words for, as the register says it."""
        return self.spoken("use", operation, language)

    def word(self, concept: str, code: str, language: str) -> str:
        """A code of a concept in words, `F` of `person.sex`, `EE` of `person.citizenship`; as it is, when there are none."""
        if concept == "person.citizenship":
            return str(Locale.parse(language).territories.get(code, code))
        return self.spoken(f"value.{concept.rpartition('.')[2]}", code, language)

    def _coded(self, concept: str, value: object, language: str) -> object:
        """A code of a concept in words, `F` of `person.sex`; what is none, as it is."""
        known = isinstance(value, str) and value.isidentifier()
        return self.spoken(f"value.{concept.rpartition('.')[2]}", str(value), language) if known else value

    def _plain(self, value: object, language: str) -> str:
        text = str(value)
        if _MOMENT.fullmatch(text):
            return format_moment(datetime.fromisoformat(text).astimezone(self._settings.zone), language)
        return self.day(text, language) if _DAY.fullmatch(text) else text

    def _ago(self, at: datetime, language: str) -> str:
        return format_timedelta(at - self._clock(), add_direction=True, locale=Locale.parse(language))

    def spoken(self, prefix: str, code: str, language: str) -> str:
        """A code in words, or as it is when there are none: `spoken("stop", "register_down")`."""
        say = self.texts.speaker(language)
        try:
            return say(f"{prefix}.{code}")
        except KeyError:
            return code

    def coded_word(self, prefix: str, code: str, otherwise: str, language: str) -> str:
        """A code of others, of which we know some, in words: `otherwise` of the same prefix for one we have none for. Never the code."""
        words = self.spoken(prefix, code, language)
        return words if words != code else self.texts.speaker(language)(f"{prefix}.{otherwise}")

    def static_url(self, name: str) -> str:
        digest = hashlib.sha256(self.static[name][0]).hexdigest()[:12]
        return f"/static/{name}?{digest}"
