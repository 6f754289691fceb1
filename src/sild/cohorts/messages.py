"""What a rule process and its parent say to one another: no pickles, since one side runs foreign code.

Two lengths (eight bytes each, big-endian), a head in JSON, and arrays one after the other, values and mask; the head tells their types.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np

__all__ = ["Array", "Head", "read_message", "write_message"]

Array = np.ma.MaskedArray[Any, Any]  # the dtype goes by the variable
Head = Mapping[str, Any]  # JSON
LONGEST = 1 << 34
ALIGNED = 8


def write_message(stream: BinaryIO, head: Mapping[str, object], arrays: Sequence[Array]) -> None:
    """Each array as values and mask."""
    types = [[values.dtype.str, len(values)] for values in arrays]
    body = json.dumps({**head, "arrays": types}).encode()
    parts = [part.data.cast("B") for values in arrays if len(values) for part in _parts(values)]
    stream.write(struct.pack(">QQ", len(body), sum(map(_room, parts))))
    stream.write(body)
    for part in parts:
        stream.write(part)
        stream.write(bytes(-part.nbytes % ALIGNED))
    stream.flush()


def read_message(stream: BinaryIO) -> tuple[Head, list[Array]] | None:
    """None: the other side is gone.  Raises ValueError: it is not such a message."""
    lengths = stream.read(16)
    if len(lengths) < 16:
        return None
    body_length, data_length = struct.unpack(">QQ", lengths)
    if body_length > LONGEST or data_length > LONGEST:
        raise ValueError("too long")
    body, data = stream.read(body_length), bytearray(data_length)
    if len(body) < body_length or _fill(stream, data) < data_length:
        return None
    head = json.loads(body)
    arrays, offset = [], 0
    for kind, count in head["arrays"]:
        dtype = np.dtype(kind)
        if dtype.kind not in "biuMU":
            raise ValueError("not an array of numbers, dates or words")
        values = np.frombuffer(data, dtype, count, offset)
        offset += _room(values)
        mask = np.frombuffer(data, np.bool_, count, offset)
        offset += _room(mask)
        arrays.append(np.ma.MaskedArray(values, mask=mask))
    return head, arrays


def _parts(values: Array) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    plain = np.ascontiguousarray(np.ma.getdata(values))
    mask = np.ascontiguousarray(np.ma.getmaskarray(values))
    return plain.view(np.uint8), mask.view(np.uint8)


def _room(part: np.ndarray[Any, Any] | memoryview) -> int:
    return part.nbytes + -part.nbytes % ALIGNED


def _fill(stream: BinaryIO, data: bytearray) -> int:
    view, filled = memoryview(data), 0
    while filled < len(data):
        part = stream.readinto(view[filled:])  # type: ignore[attr-defined]  # BufferedReader has it
        if not part:
            break
        filled += part
    return filled
