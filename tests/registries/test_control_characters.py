"""NUL, other control characters and halves of characters in any text of any register's interface: refused by its place, nothing kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI

from sild.processes.registry import KINDS, RegistrySettings
from support.asgi import Site, serving
from support.postgres import either_url as either_url
from support.postgres import postgresql as postgresql

from .asking import Asker, refused

BAD = "a\x00b"
Schema = Mapping[str, Any]


@contextmanager
def opened(kind: str, directory: Path, url: str | None = None) -> Iterator[tuple[Site, Schema]]:
    settings = RegistrySettings.model_validate(
        {"kind": kind, "system": f"DEV/GOV/1/{kind}", "directory": directory, "database": url, "people": 100}
    )
    register = KINDS[kind](settings, directory)
    application = register.application
    assert isinstance(application, FastAPI)
    try:
        with serving(application) as site:
            yield site, application.openapi()
    finally:
        register.close()


def texts(schema: Schema, whole: Schema, depth: int = 0) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Each place of a body that takes a text, and a body with nothing but a bad one there."""
    if depth > 6:
        return
    if "$ref" in schema:
        schema = whole["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for each in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from texts(each, whole, depth + 1)
    if schema.get("type") == "string" and "enum" not in schema and "format" not in schema:
        yield (), BAD
    for name, each in schema.get("properties", {}).items():
        yield from (((name, *at), {name: body}) for at, body in texts(each, whole, depth + 1))
    if schema.get("type") == "array":
        yield from (((0, *at), [body]) for at, body in texts(schema.get("items", {}), whole, depth + 1))


def probes(whole: Schema) -> Iterator[tuple[str, str, Any, str]]:
    """Method, target, body, pointer: one for each text of the description."""
    for path, methods in whole["paths"].items():
        for method, operation in methods.items():
            plain = path
            for name in path.split("{")[1:]:
                plain = plain.replace("{" + name.partition("}")[0] + "}", "1")
            for one in operation.get("parameters", ()):
                if one["schema"].get("type") != "string" or "enum" in one["schema"] or one["in"] == "header":
                    continue
                if one["in"] == "query":
                    yield method, f"{plain}?{one['name']}={quote(BAD)}", None, f"/query/{one['name']}"
                elif one["in"] == "path":
                    at = path.split("{" + one["name"] + "}")[0].count("/")
                    steps = plain.split("/")
                    steps[at] = quote(BAD)
                    yield method, "/".join(steps), None, f"/path/{one['name']}"
            content = operation.get("requestBody", {}).get("content", {})
            for kind, described in content.items():
                if "json" in kind:
                    for place, body in texts(described["schema"], whole):
                        yield method, plain, body, "/".join(map(str, ("", "body", *place)))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_text_of_the_description(kind: str, tmp_path: Path) -> None:
    with opened(kind, tmp_path) as (site, whole):
        asker = Asker(site)
        count = 0
        for method, target, body, pointer in probes(whole):
            headers = {name.replace("_", "-"): value for name, value in asker.headers().items()}
            headers["Content-Type"] = "application/json"
            data = None if body is None else json.dumps(body).encode()
            answer = site.request(method.upper(), target, body=data, headers=headers)
            problem = refused(answer, 400, "bad_request")
            assert pointer in [one["pointer"] for one in problem["errors"]], (method, target, body)
            assert "control character" in answer.text
            count += 1
        assert count > 2, "there are texts"


def test_nothing_of_it_is_kept_or_fails_behind(either_url: str, tmp_path: Path) -> None:
    with opened("population", tmp_path, either_url) as (site, _whole):
        headers = {name.replace("_", "-"): value for name, value in Asker(site).headers().items()}
        headers["Content-Type"] = "application/json"
        for bad in ("\x00", "\x1b[2J", "\x7f", "\x9f", "\ud800"):
            said = {"value": {"of": [f"x{bad}"]}, "reason": "It is wrong.\nLook.\tThere."}
            for body in (json.dumps(said), json.dumps(said, ensure_ascii=False)):
                sent = body.encode(errors="surrogatepass")
                answer = site.request("POST", "/facts/1/correction", body=sent, headers=headers)
                assert answer.status == 400, answer.text
            problem = refused(
                site.request("POST", "/facts/1/correction", body=json.dumps(said).encode(), headers=headers),
                400,
                "bad_request",
            )
            places = [one["pointer"] for one in problem["errors"]]
            assert places == ["/body/value/of/0"], "line ends and tabs are text"
        said = json.dumps({"value": "x\x00", "reason": "It is wrong."})
        for encoding, media_type in (
            ("utf-16", "application/json"),
            ("utf-32-le", "application/json"),
            ("utf-8", "application/JSON"),
        ):
            headers["Content-Type"] = media_type
            answer = site.request("POST", "/facts/1/correction", body=said.encode(encoding), headers=headers)
            problem = refused(answer, 400, "bad_request")
            assert [one["pointer"] for one in problem["errors"]] == ["/body/value"], encoding


def test_nested_as_deep_as_it_may_be(tmp_path: Path) -> None:
    with opened("treasury", tmp_path) as (site, _whole):
        headers = {name.replace("_", "-"): value for name, value in Asker(site).headers().items()}
        headers["Content-Type"] = "application/json"
        for deep in (500, 100_000):
            body = b"[" * deep + b'"\\u0000"' + b"]" * deep
            answer = site.request("POST", "/payment-orders", body=body, headers=headers)
            assert answer.status == 400, answer.text
