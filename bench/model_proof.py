"""The whole proof of the model: `python bench/model_proof.py [STATES]`, which writes bench/model_proof.md.

Every row of the MIPS table on every ISA and byte order, as `bpfmips prove-model` does it. CPU time is that of this process: QEMU's own is not in it.
"""

import sys
import time
from collections import defaultdict
from pathlib import Path

from fuzz.model.prove import LACKING, MISTAKES, MODEL, OPEN, Proof, engines, prove, subjects

HEADER = """# Proof of the model

Made by `python bench/model_proof.py`. Each row of the MIPS table on each ISA, in both byte orders, at the full width of its registers: the model
(numba) and other engines against the meanings in plain Python, on the same states, random ones and boundaries. A row counts once for each byte order.
What the reference says of a state does not depend on the ISA: it is calculated once for registers of 32 and of 64 bits, byte order, and whether
accesses may be misaligned.

"""


def main(count: int) -> None:
    """Prove all, and write the table."""
    by_isa: dict[str, Proof] = defaultdict(Proof)
    rows: dict[str, int] = defaultdict(int)
    total, start = Proof(), time.process_time()
    for row, config in subjects():
        found = prove(row, config, count)
        for disagreement in found.disagreements[:20]:
            print(disagreement, flush=True)
        by_isa[config.isa].add(found)
        rows[config.isa] += 1
        total.add(found)
        if sum(rows.values()) % 100 == 0:
            print(f"{sum(rows.values())} rows × ISA × byte order, {time.process_time() - start:.0f} s", file=sys.stderr, flush=True)
    seconds = time.process_time() - start
    others = [name for name in engines() if name != MODEL]
    lines = [
        f"* {sum(rows.values())} rows × ISA × byte order, {count} states each: {total.states:,} states on each of {', '.join(engines())}",
        f"* {total.calculated:,} states calculated by the reference, {seconds / 60:.0f} minutes of processor time",
        f"* {len(total.disagreements)} disagreements",
        "",
        "| ISA | rows | states | disagreements |",
        "|---|---:|---:|---:|",
        *(f"| {isa} | {rows[isa]} | {found.states:,} | {len(found.disagreements)} |" for isa, found in by_isa.items()),
        "",
        "What engines do otherwise, and may, or are known to do:",
        "",
        f"| | {' | '.join(others)} | |",
        f"|---|{'---:|' * len(others)}---|",
    ]
    for reason, kinds in (("left open", OPEN), ("mistake", MISTAKES)):
        for each in kinds:
            lines.append(f"| {reason}: {each.name} | {' | '.join(f'{total.open[name, each.name]:,}' for name in others)} | {each.sentence} |")
    for name, mnemonics in LACKING.items():
        lines += ["", f"{name} lacks {', '.join(sorted(mnemonics))}, which is {total.lacking[name]} rows × ISA × byte order."]
    Path(__file__).with_suffix(".md").write_text(HEADER + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
