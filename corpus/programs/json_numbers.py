"""JSON: the json module parses the same text; where it is ill-formed the place is given by hand."""

import json
import struct
from typing import Any

from ebpf.program import ByteOrder

GOOD = (
    '{"flows": [{"bytes": 1500, "delta": -42, "up": true}, {"bytes": 0, "note": "a \\"quoted\\" {brace}"}], "none": null}',
    ' [ 1,-2 , [[[]]], {} ,\n\t"", 4611686018427387904, -4611686018427387905, false ] ',
    "-9223372036854775807",
    '"only a string"',
    "[" * 64 + "7" + "]" * 64,
)
BAD = (
    ("", 0, (0, 0, 0, 0)),
    ("[1,]", 3, (1, 0, 0, 1)),
    ('{"a" 1}', 1, (0, 1, 0, 1)),
    ("[01]", 1, (0, 0, 0, 1)),
    ("[1}", 2, (1, 0, 0, 1)),
    ("[nul]", 1, (0, 0, 0, 1)),
    ('{"a": "open', 6, (0, 1, 0, 1)),
    ("[-]", 1, (0, 0, 0, 1)),
    ("[[2]", 4, (1, 0, 0, 2)),
    ("1 2", 2, (1, 0, 0, 0)),
    ("1, 2", 1, (1, 0, 0, 0)),
    ('["\x01"]', 1, (0, 0, 0, 1)),
    ("[" * 65, 64, (0, 0, 0, 64)),
)
"""Text, place of the error, and what was counted before it."""


def count(value: Any) -> tuple[int, int, int, int, int]:
    """The sum of the integers, and the numbers of integers, strings and literals, and the depth."""
    if value is None or isinstance(value, bool):
        return 0, 0, 0, 1, 0
    if isinstance(value, int):
        return value, 1, 0, 0, 0
    if isinstance(value, str):
        return 0, 0, 1, 0, 0
    parts = [count(part) for part in (value.values() if isinstance(value, dict) else value)]
    sums = [sum(part[at] for part in parts) for at in range(4)]
    names = len(value) if isinstance(value, dict) else 0
    return sums[0], sums[1], sums[2] + names, sums[3], 1 + max((part[4] for part in parts), default=0)


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    layout = struct.Struct(">4I" if byte_order == "big" else "<4I")
    results = [(bytes(15), 2**63, bytes(15))]
    for text in GOOD:
        sum_, *counts = count(json.loads(text))
        results.append((b"?" * 16 + text.encode(), sum_ % 2**64, layout.pack(*counts) + text.encode()))
    for text, place, counts_before in BAD:
        results.append((b"?" * 16 + text.encode(), 2**63 + place, layout.pack(*counts_before) + text.encode()))
    return results
