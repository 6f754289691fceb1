"""The portal on the real case system, with moving home, a small service, and a clerk's counter; registers are the written double."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from cases.permit import CONCEPTS, FORM, RETURN, SERVICE, Permit
from cases.registers import REGISTERS, Registers
from sild.cases import Assisted, CaseSystem, load_packs
from sild.cases.move import Move
from sild.portal import Office, PortalCases
from support.identity_world import NOW
from support.portal_world import JAAN, MARI, OFFICE, PEETER, Page, PlainBrowser, PortalWorld

__all__ = ["COUNTER", "HOME", "CounterWorld", "counter_world", "multipart", "send_form"]

COUNTER = Office(
    role="counter",
    organisation="70000005",
    authority="counter@0793",
    title={"et": "Teenindus, Tartu", "vi": "Quầy, Tartu", "en": "Counter, Tartu"},
    kind="clerk",
)
PERMITS = Office(
    role="permits",
    organisation="70000005",
    authority="permit@0793",
    title={"et": "Load, Tartu", "vi": "Giấy phép, Tartu", "en": "Permits, Tartu"},
)
HOME = "EE-D0000001"
MARIS = MARI.subject[2:]


def _residence(registers: Registers) -> None:
    """One house with one flat, which is not Mari's."""
    house = {"id": "EE-A1", "text": "Pikk 7, Tartu", "division": "0793", "municipality": "Tartu linn"}
    told = {
        "/addresses": {"items": [house]},
        "/addresses/EE-A1": {**house, "dwellings": [{"id": HOME, "apartment": "3"}]},
        f"/dwellings/{HOME}": {"id": HOME, "text": "Pikk 7-3, Tartu", "division": "0793"},
        f"/dwellings/{HOME}/owners": {"items": [{"code": "38001085718"}]},
        f"/households/{MARIS}": {"members": [{"code": MARIS}]},
        f"/persons/{MARIS}/residence": {"level": "dwelling", "text": "Ülikooli 18-3, Tartu", "division": {"code": "0793"}},
    }  # fmt: skip
    registers.answers |= {("residence", "GET", path): answer for path, answer in told.items()}
    for person in (MARI, JAAN, PEETER):
        code, name = person.subject[2:], f"{person.given_name} {person.family_name}"
        registers.answers["population", "GET", f"/persons/{code}"] = {"full_name": name, "born": "2000-01-01"}
        registers.answers["population", "GET", f"/persons/{code}/children"] = {"items": []}
        registers.answers["population", "GET", f"/persons/{code}/relations"] = {"items": []}


class CounterWorld(PortalWorld):
    system: CaseSystem
    registers: Registers

    def clerk(self, **more: Any) -> PlainBrowser:
        """PEETER at the counter, on a device of the office."""
        for office in (COUNTER, PERMITS):
            self.provider.add_official_role(PEETER.subject, office.role, office.organisation)
        browser = self.browser()
        browser.log_in_as_official(**more)
        return browser

    def citizen(self, person: Any = MARI) -> PlainBrowser:
        browser = self.browser()
        browser.log_in(person)
        return browser


@contextmanager
def counter_world(directory: Path, **settings: Any) -> Iterator[CounterWorld]:
    packs = load_packs("EE")
    service = SERVICE.model_copy(update={"life_events": ("moving_home",)})
    packs = replace(
        packs,
        services={**packs.services, "permit": service},
        screens={**packs.screens, "permit.form": FORM, "permit.return": RETURN},
        concepts=packs.concepts | CONCEPTS,
    )
    registers = Registers()
    _residence(registers)
    system = CaseSystem.open(
        directory / "cases",
        system="/SILD/GOV/70000001/portal",
        exchange=registers,
        packs=packs,
        processes=[Permit(), Move(packs), Assisted(packs)],
        registers=REGISTERS,
        clock=lambda: NOW,
    )
    for name in ("permit", "move"):
        system._parts.published[name] = NOW
    world = CounterWorld(
        directory, PortalCases(system, packs), offices=(OFFICE, COUNTER, PERMITS), **settings
    )
    world.system, world.registers = system, registers
    with world.running():
        yield world
    system._parts.store.engine.dispose()


def multipart(
    fields: Mapping[str, Any], files: list[tuple[str, str, bytes]], boundary: str = "----sild7e2"
) -> tuple[bytes, dict[str, str]]:
    """A form as browsers send it: body and headers. files: (field, name, content)."""
    parts = []
    for name, value in fields.items():
        head = f'Content-Disposition: form-data; name="{name}"\r\n\r\n'
        parts += [f"{head}{one}".encode() for one in (value if isinstance(value, list) else [value])]
    for name, file_name, content in files:
        head = f'Content-Disposition: form-data; name="{name}"; filename="{file_name}"\r\nContent-Type: application/x-anything\r\n\r\n'
        parts.append(head.encode() + content)
    line = f"--{boundary}".encode()
    body = b"".join(line + b"\r\n" + part + b"\r\n" for part in parts) + line + b"--\r\n"
    return body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def send_form(
    browser: PlainBrowser, page: Page, action: str, files: list[tuple[str, str, bytes]], **fields: Any
) -> Page:
    """Fills in the form of a page and sends it with files; redirects are followed."""
    form = page.form(action)
    values = {**form["fields"], **{name.replace("__", "."): value for name, value in fields.items()}}
    body, headers = multipart(values, files)
    answer = browser.request("POST", urljoin(page.url, form["action"]), body, headers)
    return browser.open(urljoin(page.url, answer.headers["location"])) if answer.status == 303 else answer
