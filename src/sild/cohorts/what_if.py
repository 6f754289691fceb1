"""A package with another parameter: what would the law do if it said so? It has a hash of its own and decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import yaml

from sild.errors import CallerError
from sild.rules import RulePackage, parse_package

__all__ = ["with_parameter"]

ARTICLE = "what if"


def with_parameter(package: RulePackage, change: str) -> RulePackage:
    """change: `PATH@DATE=VALUE`, the value from that day on, until the next that the law has.

    Raises CallerError (bad_request): not of that form, no such parameter; invalid_package: not a value it may have.
    """
    where, equals, value = change.partition("=")
    path, _, day = where.partition("@")
    if not equals or path not in package.parameters:
        known = ", ".join(sorted(package.parameters))
        raise CallerError(f"what-if is PATH@DATE=VALUE; {package.name} has {known}")
    try:
        since = date.fromisoformat(day)
    except ValueError:
        raise CallerError(f"{day!r} is no date") from None
    file = _file_of(package, path)
    tree = yaml.safe_load(package.files[file])
    prefix = file.removeprefix("parameters/").removesuffix(".yaml").replace("/", ".")
    node: Any = tree  # YAML
    for step in filter(None, path.removeprefix(prefix).split(".")):
        node = node[step]
    whole = isinstance(package.parameters[path][0].value, int)
    try:
        said: str | int = int(value) if whole else value
    except ValueError:
        raise CallerError(f"{path} is a whole number") from None
    node["values"][since] = {"value": said, "metadata": {"reference": ARTICLE}}
    files: Mapping[str, bytes] = {**package.files, file: yaml.safe_dump(tree, allow_unicode=True).encode()}
    return parse_package(files)


def _file_of(package: RulePackage, path: str) -> str:
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        file = f"parameters/{'/'.join(parts[:length])}.yaml"
        if file in package.files:
            return file
    raise CallerError(f"no file has {path}", code="invalid_package")
