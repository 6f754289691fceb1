"""A population on disk: chunks of households, each a file of persons and a file of families, and a list of them with their hashes.

people-EE-00007.parquet     a row for each person: household, family, role, born, income@2025-01 (minor units, null is unknown), ...
families-EE-00007.parquet   a row for each family with a new child: household, older_siblings, ...
population.json             how it was made, and of each chunk: country, counts, SHA-256 of both files

A column is named by the variable it is the fact of, and its month or day: `commune@2026-11-01`. Rows of a household stand together; `family` is
the row in the other file, -1 for nobody's. Households are called COUNTRY-CHUNK-NUMBER: `EE-00007-004711`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sild.cohorts.files import write_whole
from sild.errors import CallerError
from sild.rules import sha256_of

__all__ = [
    "FILES",
    "ROLES",
    "Chunk",
    "Columns",
    "Population",
    "household_name",
    "read_chunk",
    "read_table",
    "write_table",
]

ROLES = ("", "child", "mother", "father")
"""Of `role`, by number. "": of no family."""
FILES = ("people", "families")
_ALWAYS = frozenset({"household", "family", "role"})

Columns = dict[str, np.ma.MaskedArray[Any, Any]]  # the dtype goes by the column; masked is unknown


@dataclass(frozen=True, slots=True)
class Chunk:
    """sha256: of its files, hexadecimal, in the order of FILES."""

    name: str
    country: str
    people: int
    households: int
    families: int
    sha256: tuple[str, str]

    def paths(self, directory: Path) -> tuple[Path, Path]:
        people, families = (directory / f"{kind}-{self.name}.parquet" for kind in FILES)
        return people, families


@dataclass(frozen=True)
class Population:
    """as_of: the day on which it is looked at.  recipe: what it was made with."""

    as_of: date
    recipe: dict[str, Any]  # plain JSON
    chunks: tuple[Chunk, ...] = field(repr=False)

    @property
    def people(self) -> int:
        return sum(chunk.people for chunk in self.chunks)

    @cached_property
    def sha256(self) -> str:
        """Of the chunks' names and hashes."""
        return sha256_of({chunk.name: list(chunk.sha256) for chunk in self.chunks})

    def of_country(self, country: str) -> tuple[Chunk, ...]:
        return tuple(chunk for chunk in self.chunks if chunk.country == country)

    def write(self, directory: Path) -> None:
        """Raises Unavailable (disk_full)."""
        said = {
            "as_of": self.as_of.isoformat(),
            "recipe": self.recipe,
            "people": self.people,
            "sha256": self.sha256,
            "chunks": [asdict(chunk) for chunk in self.chunks],
        }
        write_whole(directory / "population.json", json.dumps(said, indent=1).encode())

    @classmethod
    def read(cls, directory: Path) -> Population:
        """Raises CallerError (no_population): none there, or not finished."""
        try:
            said = json.loads((directory / "population.json").read_bytes())
            chunks = tuple(Chunk(**{**each, "sha256": tuple(each["sha256"])}) for each in said["chunks"])
            return cls(date.fromisoformat(said["as_of"]), said["recipe"], chunks)
        except OSError as error:
            hint = "make one: sild cohorts make --people N --dir DIR"
            raise CallerError(
                f"{directory}: no finished population ({hint})", code="no_population"
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise CallerError(f"{directory}/population.json cannot be read", code="no_population") from error


def household_name(chunk: str, number: int) -> str:
    return f"{chunk}-{number:06d}"


def read_chunk(
    directory: Path, chunk: Chunk, variables: Collection[str] | None = None
) -> tuple[Columns, Columns]:
    """Columns of both files, None: all, else those of such variables that are there. Read whole and held against the hashes first.

    Raises CallerError (corrupt_chunk), which names the file.
    """
    found = []
    for path, expected in zip(chunk.paths(directory), chunk.sha256, strict=True):
        try:
            content = path.read_bytes()
        except OSError as error:
            raise CallerError(f"{path}: {error.strerror}", code="corrupt_chunk", chunk=chunk.name) from error
        if hashlib.sha256(content).hexdigest() != expected:
            raise CallerError(f"{path} is not what was made", code="corrupt_chunk", chunk=chunk.name)
        found.append(_columns(content, variables))
    return found[0], found[1]


def read_table(path: Path) -> Columns:
    """What `write_table` wrote.  Raises CallerError (corrupt_chunk)."""
    try:
        return _columns(path.read_bytes(), None)
    except (OSError, pa.ArrowException) as error:
        raise CallerError(f"{path} cannot be read", code="corrupt_chunk") from error


def write_table(path: Path, columns: Columns) -> bytes:
    """Whole or not at all; the bytes written.  Raises Unavailable (disk_full)."""
    arrays = {name: _arrow(values) for name, values in columns.items()}
    buffer = BytesIO()
    pq.write_table(pa.table(arrays), buffer, compression="zstd", compression_level=1, write_statistics=False)
    content = buffer.getvalue()
    write_whole(path, content)
    return content


def _columns(content: bytes, variables: Collection[str] | None) -> Columns:
    file = pq.ParquetFile(BytesIO(content))
    wanted = [
        name
        for name in file.schema_arrow.names
        if variables is None or name in _ALWAYS or name.partition("@")[0] in variables
    ]
    table = file.read(columns=wanted, use_threads=False)
    return {name: _masked(table.column(name)) for name in wanted}


def _masked(column: pa.ChunkedArray) -> np.ma.MaskedArray[Any, Any]:
    """Values under the mask are zero, so that equal columns are equal bytes."""
    mask: NDArray[np.bool_] = column.is_null().to_numpy()
    if column.null_count:
        zero = date(1970, 1, 1) if pa.types.is_date(column.type) else _zero(column.type)
        column = column.fill_null(pa.scalar(zero, column.type))
    values = column.to_numpy()
    if pa.types.is_date(column.type):
        values = values.astype("datetime64[D]")
    elif pa.types.is_string(column.type):
        values = values.astype("U")
    return np.ma.MaskedArray(values, mask=mask)


def _zero(kind: pa.DataType) -> int | bool | str:
    return "" if pa.types.is_string(kind) else False if pa.types.is_boolean(kind) else 0


def _arrow(values: np.ma.MaskedArray[Any, Any]) -> pa.Array:
    mask = np.ma.getmaskarray(values)
    return pa.array(np.ma.getdata(values), mask=mask if mask.any() else None)
