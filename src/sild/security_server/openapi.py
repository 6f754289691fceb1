"""Read an OpenAPI 3 description: the base address and the endpoints rights can be given for (UG-SS 6.1.2).

JSON or YAML. A path template `/people/{id}` becomes the glob `/people/*`: one template expression stands for one
segment or a piece of it, never for a slash. Aliases in YAML are refused, since a description of a kilobyte could
unfold to gigabytes.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urljoin, urlsplit

import yaml

from sild.errors import CallerError

__all__ = ["OpenApiDescription", "load_description", "parse_openapi"]

MAX_DESCRIPTION_BYTES = 10 * 1024 * 1024
MAX_DEPTH = 200
MAX_VALUES = 1_000_000
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_TEMPLATE = re.compile(r"\{[^{}/]*\}")


@dataclass(frozen=True, slots=True)
class OpenApiDescription:
    """base_url: first `servers` entry with its variables' defaults, absolute.  endpoints: (METHOD, path glob), in order."""

    title: str
    version: str
    base_url: str
    endpoints: tuple[tuple[str, str], ...]


# What PyYAML raises for a value that is not what its tag says: `!!int ""`, `!!bool x`.
_TAGGED = (AttributeError, IndexError, KeyError, TypeError, OverflowError)
_TIMESTAMP = "tag:yaml.org,2002:timestamp"
# libyaml where PyYAML was built with it: several times as fast.
_SafeLoader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SafeLoader):  # type: ignore[misc, valid-type]  # chosen when this is loaded
    """Reads what JSON could say too: a date stays a text."""

    yaml_implicit_resolvers: ClassVar = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in _SafeLoader.yaml_implicit_resolvers.items()
    }


def parse_openapi(data: bytes, *, description_url: str) -> OpenApiDescription:
    """Read a description fetched from `description_url` (relative server addresses are resolved against it).

    Raises CallerError (`bad_request`).
    """
    document = load_description(data)
    version = str(document["openapi"])
    information = document.get("info")
    title = information.get("title") if isinstance(information, dict) else None
    return OpenApiDescription(
        title=title if isinstance(title, str) else "",
        version=version,
        base_url=_base_url(document.get("servers"), description_url),
        endpoints=tuple(_endpoints(document.get("paths"))),
    )


def load_description(data: bytes) -> dict[str, object]:
    """The document itself, its `openapi` a text that begins `3.`. Raises CallerError (`bad_request`)."""
    if len(data) > MAX_DESCRIPTION_BYTES:
        raise _refused("the description is longer than 10 MiB")
    document = _load(data)
    if not isinstance(document, dict):
        raise _refused("the description is no object")
    version = document.get("openapi")
    if not isinstance(version, str) or not version.startswith("3."):
        raise _refused("the description is not OpenAPI 3")
    return document


def _load(data: bytes) -> object:
    text = data.decode("utf-8-sig", errors="replace")
    try:
        if text.lstrip().startswith("{"):
            loaded: object = json.loads(text)
        else:
            _ensure_plain(text)
            loaded = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (ValueError, yaml.YAMLError, *_TAGGED, RecursionError) as error:
        raise _refused(f"the description cannot be read: {type(error).__name__}") from error
    return loaded


def _ensure_plain(text: str) -> None:
    """No aliases, no more depth and values than a description has: asked of the events, before anything is built of them."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=_Loader)):
        if isinstance(event, yaml.AliasEvent):
            raise _refused("YAML aliases are not accepted")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH or count > MAX_VALUES:
            raise _refused("the description is nested too deep, or has too many values")


def _base_url(servers: object, description_url: str) -> str:
    url = "/"
    if isinstance(servers, list) and servers and isinstance(servers[0], dict):
        server = servers[0]
        given = server.get("url")
        if isinstance(given, str):
            url = given
        variables = server.get("variables")
        for name, variable in variables.items() if isinstance(variables, dict) else ():
            if isinstance(variable, dict):
                url = url.replace("{" + str(name) + "}", str(variable.get("default", "")))
    try:
        url = urljoin(description_url, url)
        parsed = urlsplit(url)
    except ValueError:
        raise _refused(f"the server address {url!r} cannot be read") from None
    if parsed.scheme not in ("http", "https") or not parsed.hostname:
        raise _refused(f"the server address {url!r} is not http or https")
    return url


def _endpoints(paths: object) -> list[tuple[str, str]]:
    if not isinstance(paths, dict):
        return []
    found = []
    for path, item in paths.items():
        if not isinstance(path, str) or not path.startswith("/"):
            raise _refused(f"the path {path!r} does not begin with a slash")
        glob = _TEMPLATE.sub("*", path.replace("\\", "\\\\").replace("*", "\\*"))
        if isinstance(item, dict):
            found += [(method.upper(), glob) for method in METHODS if method in item]
    return list(dict.fromkeys(found))


def _refused(reason: str) -> CallerError:
    return CallerError(f"OpenAPI description refused: {reason}", code="bad_request")
