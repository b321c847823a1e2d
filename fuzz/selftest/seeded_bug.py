"""What a seeded bug is, and the tools to make one: small edits of the parts of the compiler.

    in_cells("DIV32_REG", unextended(0))      the code of single instructions, edited behind the cell that emitted it
    with_pass(function)                       one more pass at the end; with_passes replaces them
    with_words(function)                      the words, edited behind the layout

A change takes the code of one eBPF instruction and returns it changed. None knows which configuration it works on: a bug says where it applies.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from fnmatch import fnmatchcase
from typing import NamedTuple

from ebpf.instruction import Instruction
from jit import trampoline as trampolines
from jit.code import Cell, Emitter, Item, Op, branch, instruction
from jit.compiler import Parts
from jit.config import BASE_CONFIGS, Config, all_configs
from jit.layout import Laid, lay_out
from jit.lowering import LOWERING, Lowering
from jit.mips import Row, decode, rows
from jit.passes import Code
from jit.pipeline import PASSES

Change = Callable[[Emitter, Sequence[Item]], list[Item]]
"""From the code of one eBPF instruction to the same with the bug."""

Rewrite = Callable[[Emitter, Op], Sequence[Op]]
"""From one MIPS instruction to those that take its place."""


class Bug(NamedTuple):
    """A seeded bug.

    name         unique, in words with hyphens
    kind         the class of bugs that it stands for
    description  one sentence
    parts        the compiler with the bug
    suites       globs of the rows whose instruction suites show it
    configs      globs of the configurations where it applies
    source       where such a bug happened in a real compiler, empty where that is not known
    program      in assembly, what shows it where no suite does
    trampoline   instead of `parts`: code of trampolines with the bug, and globs of the files of corpus/trampolines that show it
    """

    name: str
    kind: str
    description: str
    parts: Parts
    suites: tuple[str, ...]
    configs: tuple[str, ...]
    source: str = ""
    program: str = ""
    trampoline: tuple[trampolines.Parts, tuple[str, ...]] | None = None

    def applies(self) -> tuple[Config, ...]:
        """The configurations where the bug applies, in their usual order."""
        return tuple(config for config in all_configs() if any(_chooses(glob, config) for glob in self.configs))


def _chooses(glob: str, config: Config) -> bool:
    """A pattern without an "@" or a "+" is one for the base configurations."""
    return fnmatchcase(str(config), glob) and (config in BASE_CONFIGS or "@" in glob or "+" in glob)


# Edits of the code of single instructions.


def in_cells(names: str, change: Change) -> Parts:
    """A compiler that changes the code of the instructions with these names (globs, separated by blanks)."""
    globs = names.split()
    table = {
        name: Lowering(_changed(row.single, change), _changed(row.pair, change)) if any(fnmatchcase(name, glob) for glob in globs) else row
        for name, row in LOWERING.items()
    }
    return Parts(lowering=table)


def with_cells(cells: Mapping[str, Cell]) -> Parts:
    """A compiler with other cells, at both widths."""
    return Parts(lowering={**LOWERING, **{name: Lowering(cell, cell) for name, cell in cells.items()}})


def _changed(cell: Cell, change: Change) -> Cell:
    def changed(e: Emitter, i: Instruction) -> None:
        cell(e, i)
        e.items[:] = change(e, e.items)

    return changed


def rewrite(mnemonics: str, function: Rewrite, nth: int | None = None, when: Callable[..., bool] | None = None) -> Change:
    """Rewrite the instructions with these mnemonics, those in delay slots as well: all, or the one with number `nth` from 0 on.

    With `when`, those whose operands satisfy it; others are not counted.
    """
    names = mnemonics.split()

    def change(e: Emitter, items: Sequence[Item]) -> list[Item]:
        seen = 0
        result: list[Item] = []

        def chosen(op: Op) -> bool:
            nonlocal seen
            if op.row.mnemonic not in names or (when is not None and not when(*op.operands)):
                return False
            seen += 1
            return nth in (None, seen - 1)

        for item in items:
            if isinstance(item, Op) and chosen(item):
                result += function(e, item)
            elif isinstance(item, Op) and item.slot is not None and chosen(item.slot):
                inside = function(e, item.slot)
                result.append(item._replace(slot=inside[0] if inside else None))
            else:
                result.append(item)
        return result

    return change


def several(*changes: Change) -> Change:
    """One change after the other."""

    def change(e: Emitter, items: Sequence[Item]) -> list[Item]:
        for one in changes:
            items = one(e, items)
        return list(items)

    return change


def drop(mnemonics: str, nth: int | None = None, when: Callable[..., bool] | None = None) -> Change:
    """Leave instructions out."""
    return rewrite(mnemonics, lambda e, op: [], nth, when)


def rename(others: Mapping[str, str], nth: int | None = None) -> Change:
    """Take other instructions, by mnemonic, with the same operands."""

    def function(e: Emitter, op: Op) -> Sequence[Op]:
        row = anywhere(others[op.row.mnemonic], op.row)
        return [instruction(row, op.operands) if op.target is None else branch(row, op.operands, op.target, op.slot)]

    return rewrite(" ".join(others), function, nth)


def operands(mnemonics: str, function: Callable[..., Sequence[int]], nth: int | None = None, when: Callable[..., bool] | None = None) -> Change:
    """Give instructions other operands: those before the offset for a branch."""

    def changed(e: Emitter, op: Op) -> Sequence[Op]:
        given = tuple(function(*op.operands))
        return [instruction(op.row, given) if op.target is None else branch(op.row, given, op.target, op.slot)]

    return rewrite(mnemonics, changed, nth, when)


def unextended(nth: int | None = None) -> Change:
    """Copy where `sll rd, rt, 0` made a sign-extended word."""
    return rewrite("sll", lambda e, op: [e.make("or", op.operands[0], op.operands[1], 0)], nth, lambda rd, rt, sa: rd != 0 and sa == 0)


def before(mnemonics: str, *lines: tuple[str, tuple[int, ...]], nth: int | None = None) -> Change:
    """Put instructions before others."""
    return rewrite(mnemonics, lambda e, op: [*(e.make(name, *given) for name, given in lines), op], nth)


def anywhere(mnemonic: str, beside: Row | None = None) -> Row:
    """The row of a mnemonic whatever the configuration: bugs use what it does not have.

    It is that of release 5, or that of release 6 where there is no other, or where the row `beside` is of release 6 only. Raises KeyError when there
    is none.
    """
    names = ("mips64r5-64le", "mips64r6-64le")
    if beside is not None and not beside.isas & {"mips64r5", "mips32r5"}:
        names = names[::-1]
    for name in names:
        row = rows(Config.parse(name)).get(mnemonic)
        if row is not None:
            return row
    raise KeyError(mnemonic)


# Edits of whole programs.


def with_pass(change: Callable[[list[Item], Config], list[Item]]) -> Parts:
    """A compiler with one more pass at the end, on items."""

    def last(code: Code, config: Config) -> Code:
        return code._replace(items=change(code.items, config))

    return Parts(passes=(*PASSES, last))


def with_words(change: Callable[[Config, list[int]], list[int]]) -> Parts:
    """A compiler whose words are changed in the end, one by one."""

    def changed(code: Code, config: Config, base: int, outside: Set[int]) -> Laid:
        laid = lay_out(code, config, base, outside)
        return laid._replace(words=change(config, laid.words))

    return Parts(lay_out=changed)


def branch_offsets(change: Callable[[int], int]) -> Callable[[Config, list[int]], list[int]]:
    """Change the offset of each branch with a 16-bit offset, in words."""

    def words(config: Config, given: list[int]) -> list[int]:
        result = []
        for word in given:
            decoded = decode(word, config.isa)
            if decoded is not None and "branch" in decoded[0].facts and "call" not in decoded[0].facts:
                row, fields = decoded
                word = row.encode(*fields[:-1], change(fields[-1]))
            result.append(word)
        return result

    return words
