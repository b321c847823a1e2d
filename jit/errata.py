"""Working around the errata of `jit.erratum_rows`: for each a function from code to code.

The pass runs behind the filling of delay slots and before what keeps the architecture's own distances, which sees everything that is inserted here.
Two are done elsewhere: all nops come through one door, `jit.code.nop`, and that the code lies where jumps through registers go is checked
before anything is compiled.

Distances are counted along the text. What follows a branch is reached through the branch and its delay slot, two instructions later, which is enough
for most; where it is not, the function says so.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from jit.call import CompileError
from jit.code import MOVED, Item, Label, Op, branch, instruction, nop
from jit.compiled import Addresses
from jit.config import Config
from jit.erratum_rows import ROWS
from jit.mips import rows
from jit.passes import Code
from jit.registers import HI, LO, N64_T1, O32_T6, O32_T7, T8, T9, ZERO
from jit.watched import Watched

Workaround = Callable[[Code, Config], list[Item]]

_HI, _LO = 1 << HI, 1 << LO
_CONTROL = frozenset({"branch", "jump"})
_MULTIPLY = frozenset({"mult", "multu", "dmult", "dmultu"})
WINDOW = 0xCFFF_FFFF
"""The bits of an address that a jump through a register keeps on the Loongson-2F, sign-extended."""


def _op(config: Config, mnemonic: str, *operands: int) -> Op:
    return instruction(rows(config)[mnemonic], operands)


def _without_slot(op: Op) -> list[Op]:
    """A branch or jump with what is in its delay slot before it."""
    if op.slot is None:
        return [op]
    if op.slot.writes & op.reads or op.slot.reads & op.writes:
        raise AssertionError(f"{op.slot.row.mnemonic} cannot leave the delay slot of {op.row.mnemonic}")
    moved = 0 if op.slot_owner is None else MOVED
    return [op.slot._replace(owner=op.slot_owner, kinds=op.slot.kinds | moved), op._replace(slot=None, slot_owner=None)]


def _time(op: Op) -> int:
    """Instructions that are executed at least where this one stands. The slot of a branch-likely may be annulled."""
    return 2 if "delay" in op.facts and "likely" not in op.facts else 1


def retry_likely(code: Code, config: Config) -> list[Item]:
    """r10000: the branch on the result of SC becomes branch-likely. In its slot is a nop, which may be annulled as well as not."""
    result: list[Item] = []
    stored = 0
    for item in code.items:
        if isinstance(item, Op):
            if stored & item.reads and "branch" in item.facts and "likely" not in item.facts:
                assert item.target is not None
                item = branch(rows(config)[f"{item.row.mnemonic}l"], item.operands, item.target, item.slot)
            stored = item.writes if "sc" in item.facts else 0
        result.append(item)
    return result


def sync_around_linked(code: Code, config: Config) -> list[Item]:
    """loongson3: sync before LL, behind the label of the retry, and where a branch between LL and SC leads."""
    sync = _op(config, "sync", 0)
    result: list[Item] = []
    left: set[int] = set()
    linked = False
    for item in code.items:
        if isinstance(item, Label):
            result.append(item)
            if item.number in left:
                left.discard(item.number)
                result.append(sync)
            continue
        if "ll" in item.facts:
            # A sync before the label of the retry moves behind it: so one is enough.
            if len(result) > 1 and result[-2] == sync and isinstance(result[-1], Label) and result[-1].number > code.slots:
                result[-2:] = result[:-3:-1]
            elif not result or result[-1] != sync:
                result.append(sync)
            linked = True
        elif "sc" in item.facts:
            linked = False
        elif linked and item.target is not None:
            left.add(item.target)
        if item == sync and result and result[-1] == sync:
            continue
        result.append(item)
    return result


def _unchanged(code: Code, config: Config) -> list[Item]:
    """Done elsewhere."""
    return code.items


def masked_jumps(code: Code, config: Config) -> list[Item]:
    """loongson2f-jump: clear the bits of the register that lead out of the window. Uses t8, which holds nothing at a jump."""
    result: list[Item] = []
    for item in code.items:
        if isinstance(item, Op) and "jump" in item.facts and "instr_index" not in item.row.operands:
            register = item.operands[-1]
            if item.slot is not None and (item.slot.reads | item.slot.writes) & (1 << T8 | 1 << register):
                *before, item = _without_slot(item)
                result += before
            result += (_op(config, "lui", T8, WINDOW >> 16), _op(config, "ori", T8, T8, WINDOW & 0xFFFF), _op(config, "and", register, register, T8))
        result.append(item)
    return result


def check_addresses(config: Config, addresses: Addresses, size: int) -> None:
    """Raise CompileError when jumps through registers, of an image of `size` bytes, would not arrive on the configured CPU."""
    if "loongson2f-jump" not in config.options:
        return
    known = {"the image": addresses.base, "the end of the image": addresses.base + size}
    for kind, table in (("routine", addresses.routines), ("helper", addresses.helpers), ("kernel function", addresses.kernel_functions)):
        known |= {f"{kind} {key}": at for key, at in table.items()}
    for what, address in known.items():
        if address & ~WINDOW & 0xFFFF_FFFF:
            raise CompileError(f"{what} at {address:#x}: jumps through registers reach only addresses whose bits 28 and 29 are zero")


def finished_products(code: Code, config: Config) -> list[Item]:
    """r4000-multiply: HI is read after LO, unless it is read anyway."""
    result: list[Item] = []
    running = False
    for at, item in enumerate(code.items):
        result.append(item)
        if isinstance(item, Label):
            continue
        if item.row.mnemonic in _MULTIPLY:
            running = True
        elif item.reads & _HI:
            running = False
        elif running and item.reads & _LO:
            following = code.items[at + 1] if at + 1 < len(code.items) else None
            if not (isinstance(following, Op) and following.reads & _HI):
                result.append(_op(config, "mfhi", ZERO))
            running = False
    return result


def added_registers(code: Code, config: Config) -> list[Item]:
    """r4000-daddiu: the constant goes through a register. From register zero nothing overflows."""
    result: list[Item] = []

    def split(op: Op) -> Op:
        if op.row.mnemonic != "daddiu" or op.operands[1] == ZERO:
            return op
        rt, rs, immediate = op.operands
        result.append(_op(config, "addiu", N64_T1, ZERO, immediate))
        return _op(config, "daddu", rt, rs, N64_T1)

    for item in code.items:
        if isinstance(item, Op):
            item = split(item) if item.slot is None else item._replace(slot=split(item.slot))
        result.append(item)
    return result


def results_read_late(code: Code, config: Config) -> list[Item]:
    """r7000-hilo: two instructions between mfhi or mflo and what reads its destination. A branch and its slot are two."""
    result: list[Item] = []
    fresh: list[tuple[int, int]] = []  # destinations, and instructions since
    for item in code.items:
        if isinstance(item, Op):
            slot = item.slot.reads if item.slot is not None else 0
            waits = [0, *(2 - age for register, age in fresh if register & item.reads), *(1 - age for register, age in fresh if register & slot)]
            wait = max(waits)
            result.extend([nop(config)] * wait)
            fresh = [(register, age + wait + _time(item)) for register, age in fresh if age + wait + _time(item) < 2]
            if item.row.mnemonic in ("mfhi", "mflo"):
                fresh.append((item.writes, 0))
        result.append(item)
    return result


def loads_after_products(code: Code, config: Config) -> list[Item]:
    """rm7000-dmult: three instructions between dmult or dmultu and a load."""
    result: list[Item] = []
    age = 3
    for item in code.items:
        if isinstance(item, Op):
            wait = max(0, 3 - age if "load" in item.facts else 2 - age if item.slot is not None and "load" in item.slot.facts else 0)
            result.extend([nop(config)] * wait)
            age = 0 if item.row.mnemonic in ("dmult", "dmultu") else age + wait + _time(item)
        result.append(item)
    return result


def hilo_kept(code: Code, config: Config) -> list[Item]:
    """vr4130: four instructions between mfhi or mflo and what writes HI and LO, unless one up to it reads the destination.

    Anything may follow a branch or jump: for it, four up to behind the delay slot.
    """
    result: list[Item] = []
    destination, age = 0, 4
    for item in code.items:
        if isinstance(item, Op):
            # What a branch-likely has in its slot may not be executed.
            slot = item.slot.reads if item.slot is not None and "likely" not in item.facts else 0
            if (item.reads | slot) & destination:
                age = 4
            writes = item.writes & (_HI | _LO)
            wait = max(0, 4 - age if writes else 4 - age - _time(item) if item.facts & _CONTROL else 0)
            result.extend([nop(config)] * wait)
            age += wait + _time(item)
            if item.row.mnemonic in ("mfhi", "mflo"):
                destination, age = item.writes, 0
        result.append(item)
    return result


def signed_products(code: Code, config: Config) -> list[Item]:
    """vr4120-multiply: only the lower half of the product of doublewords is ever read."""
    result: list[Item] = []
    replaced = False
    for item in code.items:
        if isinstance(item, Op):
            if replaced and item.reads & _HI:
                raise AssertionError("the upper half of a product of doublewords is read")
            if item.writes & _LO:
                replaced = item.row.mnemonic == "dmultu"
            if item.row.mnemonic == "dmultu":
                item = _op(config, "dmult", *item.operands)
        result.append(item)
    return result


def divided_magnitudes(code: Code, config: Config) -> list[Item]:
    """vr4120-divide: divide absolute values, and give the result its sign.

        sign = all ones where the result is negative, else zero: of both operands for the quotient, of the dividend for the remainder
        a = |rs|, b = |rt|; divu a, b; mflo or mfhi rd; rd = (rd ^ sign) - sign

    The absolute value of the smallest number is itself, as an unsigned number. Uses t9, and t1 and t8 in 64-bit
    code, t6 and t7 in 32-bit code: none is an operand of a division, nor one half of r11 that is.
    """
    sign, a, b = (N64_T1, T8, T9) if config.width == 64 else (O32_T7, O32_T6, T9)
    result: list[Item] = []
    items = iter(code.items)
    for item in items:
        if not (isinstance(item, Op) and item.row.mnemonic in ("div", "ddiv")):
            result.append(item)
            continue
        read = next(items)
        assert isinstance(read, Op)
        assert read.row.mnemonic in ("mflo", "mfhi")
        rs, rt = item.operands
        (rd,) = read.operands
        word = item.row.mnemonic == "div"
        shift, subtract = ("sra", "subu") if word else ("dsra32", "dsubu")
        emit = partial(_op, config)
        for register, magnitude in ((rs, a), (rt, b)):
            result += (emit(shift, sign, register, 31), emit("xor", magnitude, register, sign), emit(subtract, magnitude, magnitude, sign))
        if read.row.mnemonic == "mflo":
            result += (emit("xor", sign, rs, rt), emit(shift, sign, sign, 31))
        else:
            result.append(emit(shift, sign, rs, 31))
        result += (emit(f"{item.row.mnemonic}u", a, b), read, emit("xor", rd, rd, sign), emit(subtract, rd, rd, sign))
    return result


def stores_apart(code: Code, config: Config) -> list[Item]:
    """24k: at most two stores follow each other, and only one where a branch with a store in its delay slot may lead."""
    result: list[Item] = []
    count = 0
    for item in code.items:
        if isinstance(item, Label):
            if item.number in code.targets:
                count = max(count, 1)
        elif "store" in item.facts:
            if count == 2:
                result.append(nop(config))
                count = 0
            count += 1
        else:
            count = int(item.slot is not None and "store" in item.slot.facts)
        result.append(item)
    return result


_SHORT = 6
"""Instructions of a loop that the R5900 may leave too early."""


def long_loops(code: Code, config: Config) -> list[Item]:
    """r5900: nothing in the delay slot at the end of a short loop."""
    result: list[Item] = []
    near: dict[int, int] = {}  # labels since the last branch, and how many instructions were before them
    count = 0
    for item in code.items:
        if isinstance(item, Label):
            near[item.number] = count
            result.append(item)
            continue
        count += 1
        if not item.facts & _CONTROL:
            result.append(item)
            continue
        short = item.target in near and count - near[item.target] + 1 <= _SHORT
        result.extend(_without_slot(item) if short else [item])
        near.clear()
    return result


WORKAROUNDS: Mapping[str, Workaround] = MappingProxyType(
    {
        "r10000": retry_likely,
        "loongson3": sync_around_linked,
        "loongson2f-nop": _unchanged,
        "loongson2f-jump": masked_jumps,
        "r4000-multiply": finished_products,
        "r4000-daddiu": added_registers,
        "r7000-hilo": results_read_late,
        "rm7000-dmult": loads_after_products,
        "vr4130": hilo_kept,
        "vr4120-multiply": signed_products,
        "vr4120-divide": divided_magnitudes,
        "24k": stores_apart,
        "r5900": long_loops,
    }
)
"""By name of the erratum."""


def work_around(code: Code, config: Config, workarounds: Mapping[str, Workaround] = WORKAROUNDS) -> Code:
    """The code for a CPU with the errata of the configuration. Raises KeyError for an erratum that nothing is known about."""
    if isinstance(config, Watched):
        return _watched(code, config, workarounds)
    for name in config.errata:
        code = code._replace(items=workarounds[name](code, config))
    return code


def _watched(code: Code, config: Watched, workarounds: Mapping[str, Workaround]) -> Code:
    """The same, without asking for an erratum that changes nothing in this code."""
    for row in ROWS:
        if not config.may_have(row.name):
            continue
        try:
            items = workarounds[row.name](code, config)
        except (KeyError, AssertionError):
            # It cannot be worked around with what there is; then only that there is no such erratum tells that nothing is changed.
            items = None
        if (items is None or items != code.items) and row.name in config.options:
            code = code._replace(items=workarounds[row.name](code, config) if items is None else items)
    return code
