"""Reference pages from the tables of compiler and harness: what stands there is what runs."""

from collections.abc import Sequence
from typing import Any

from fuzz.reference import LoweredRow
from fuzz.wires import OTHERS, WIRES
from jit import erratum_rows, frame, mips, options
from jit.config import ISAS, Config
from jit.registers import SINGLES, pairs


def reference(lowerings: Sequence[LoweredRow]) -> dict[str, Any]:
    """MIPS instructions × ISA, lowering, registers and frames, errata, options, tripwires."""
    return {
        "isas": list(ISAS),
        "mips": [_mips(row) for row in mips.ROWS],
        "lowering": [_lowering(row) for row in lowerings],
        "registers": _registers(),
        "frame": _picture(frame.__doc__ or ""),
        "errata": [
            {
                "name": row.name,
                "cpus": ", ".join(row.cpus),
                "wrong": row.goes_wrong,
                "pattern": row.pattern,
                "instead": row.instead,
                "source": row.source,
            }
            for row in erratum_rows.ROWS
        ],
        "options": [{"name": option.name, "kind": option.kind, "meaning": option.meaning} for option in options.OPTIONS],
        "wires": [{"name": wire.name, "rule": wire.rule, "source": wire.source} for wire in (*WIRES, *OTHERS)],
    }


def _mips(row: mips.Row) -> list[Any]:
    """Mnemonic, and for each ISA 1 or 0."""
    return [row.mnemonic, "".join("1" if isa in row.isas else "0" for isa in ISAS)]


def _lowering(row: LoweredRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "text": row.text,
        "refused": row.refused,
        "code": [{"configs": _short(each.configs), "lines": list(each.code)} for each in row.lowered],
        "failed": [{"configs": _short(each.configs), "reason": each.reason} for each in row.failed],
    }


def _short(configs: Sequence[str]) -> str:
    """By ABI: "o32: 1 2 32r1"."""
    parts = []
    for abi in ("o32", "n64"):
        isas = [name.split()[0].removeprefix("mips") for name in configs if name.endswith(abi)]
        every = [isa for isa in ISAS if abi == "o32" or Config(isa, 32, False).cpu_64]
        if isas:
            parts.append(f"{abi}: {'all' if len(isas) == len(every) else ' '.join(isas)}")
    return "; ".join(parts)


def _registers() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for label, config in (("o32 little-endian", Config("mips32r2", 32, False)), ("o32 big-endian", Config("mips32r2", 32, True))):
        names = mips.REGISTER_NAMES[32]
        found.append({"name": f"{label} (high:low)", "registers": [f"{names[high]}:{names[low]}" for low, high in pairs(config)]})
    names = mips.REGISTER_NAMES[64]
    found.append({"name": "n64", "registers": [names[number] for number in SINGLES]})
    return found


def _picture(text: str) -> str:
    """The picture of the frame in the head of its module: the indented lines."""
    lines = [line for line in text.splitlines() if line.startswith("    ")]
    return "\n".join(lines)
