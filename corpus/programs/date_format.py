"""Dates: datetime."""

from datetime import UTC, datetime

from ebpf.program import ByteOrder

TIMES = (
    0,
    68169599,
    68169600,
    951782399,
    951782400,
    951868800,
    1709251199,
    1735689599,
    4107542400,
    4107455999,
    16725225600,
    253402300799,
    2**31,
    2**32 - 1,
)
"""1970, the end of February in leap years and others, ends of years, 2100, 2500, the end of 9999, ends of counters."""


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    results = [(bytes(27), 2**64 - 1, bytes(27))]
    late = (253402300800).to_bytes(8, "big") + bytes(20)
    results.append((late, 2**64 - 1, late))
    for time in TIMES:
        moment = datetime.fromtimestamp(time, UTC)
        start = time.to_bytes(8, "big")
        result = moment.timetuple().tm_yday * 8 + moment.isoweekday() % 7
        results.append((start + b"?" * 20 + b"end", result, start + moment.strftime("%Y-%m-%dT%H:%M:%SZ").encode() + b"end"))
    return results
