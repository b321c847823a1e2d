"""The traps of the engine on which its use here depends: a new version that changes one should be seen.

What crashes the process runs in another one.
"""

import struct
import subprocess
import sys

import pytest
from unicorn import UC_ARCH_MIPS, UC_HOOK_CODE, UC_HOOK_INTR, UC_HOOK_MEM_WRITE, UC_MODE_LITTLE_ENDIAN, UC_MODE_MIPS32, UC_MODE_MIPS64, mips_const
from unicorn.unicorn_py3.unicorn import Uc, UcError

CODE, DATA, END = 0x1000_0000, 0x2000_0000, 0x3000_0000
A0, V0, RA, PC = mips_const.UC_MIPS_REG_A0, mips_const.UC_MIPS_REG_V0, mips_const.UC_MIPS_REG_RA, mips_const.UC_MIPS_REG_PC
ONE, TWO, LOAD = 0x24020001, 0x24020002, 0x8C820000  # addiu v0, zero, 1; addiu v0, zero, 2; lw v0, 0(a0)
RETURN = (0x03E00009, 0)
BREAK = 0xD


def _engine(bits: int = 32) -> Uc:
    if bits == 32:
        engine = Uc(UC_ARCH_MIPS, UC_MODE_MIPS32 | UC_MODE_LITTLE_ENDIAN)
        engine.ctl_set_cpu_model(mips_const.UC_CPU_MIPS32_24KC)
    else:
        engine = Uc(UC_ARCH_MIPS, UC_MODE_MIPS64 | UC_MODE_LITTLE_ENDIAN)
        engine.ctl_set_cpu_model(mips_const.UC_CPU_MIPS64_MIPS64R2_GENERIC)
    for page in (CODE, DATA, END):
        engine.mem_map(page, 0x4000)
    return engine


def _run(engine: Uc, *words: int) -> None:
    engine.mem_write(CODE, struct.pack(f"<{len(words) + 1}I", *words, BREAK))
    engine.reg_write(RA, END)
    engine.emu_start(CODE, END)


@pytest.mark.parametrize("bits", [32, 64])
def test_writing_memory_keeps_translated_code(bits: int) -> None:
    engine = _engine(bits)
    _run(engine, ONE, *RETURN)
    stale = 0
    for _ in range(20):
        _run(engine, TWO, *RETURN)
        stale += engine.reg_read(V0) == 1
    assert stale
    engine.ctl_flush_tb()
    _run(engine, TWO, *RETURN)
    assert engine.reg_read(V0) == 2


@pytest.mark.parametrize("bits", [32, 64])
def test_the_program_counter_is_lost_in_an_exception(bits: int) -> None:
    engine = _engine(bits)
    seen = []
    engine.hook_add(UC_HOOK_INTR, lambda engine, number, data: seen.append((number, engine.reg_read(PC))))
    engine.reg_write(A0, DATA + 1)
    with pytest.raises(UcError, match="READ_UNALIGNED"):
        _run(engine, ONE, LOAD, *RETURN)
    assert seen == [(12, 0)]


@pytest.mark.parametrize("bits", [32, 64])
def test_the_delay_slot_is_remembered_after_an_exception(bits: int) -> None:
    """The next run takes its first instruction for the delay slot of the branch before, and goes where that went."""
    engine = _engine(bits)
    engine.reg_write(A0, DATA + 1)
    with pytest.raises(UcError, match="READ_UNALIGNED"):
        _run(engine, RETURN[0], LOAD)
    engine.ctl_flush_tb()
    _run(engine, ONE, TWO, *RETURN)
    assert engine.reg_read(V0) == 1


def test_addresses_above_2_gib_need_tlb_entries() -> None:
    engine = _engine(64)
    engine.mem_map(0x1_0000_0000, 0x1000)
    engine.reg_write(A0, 0x1_0000_0000)
    with pytest.raises(UcError, match="UC_ERR_EXCEPTION"):
        _run(engine, LOAD, *RETURN)


_LONG = """
import sys
from fuzz.tests.test_unicorn_traps import ONE, RETURN, _engine, _run
_run(_engine(int(sys.argv[1])), *[ONE] * int(sys.argv[2]), *RETURN)
"""


@pytest.mark.parametrize("bits", [32, 64])
def test_long_straight_code_crashes_the_translator(bits: int) -> None:
    """And a block of `fuzz.unicorn.blocks.LONGEST` instructions does not."""
    codes = [subprocess.run([sys.executable, "-c", _LONG, str(bits), str(length)], check=False).returncode for length in (256, 500)]
    assert codes[0] == 0
    assert codes[1] < 0


@pytest.mark.parametrize("hooked", [False, True])
def test_a_memory_hook_executes_the_target_of_a_branch_twice_after_an_access_in_its_delay_slot(hooked: bool) -> None:
    engine = _engine()
    if hooked:
        engine.hook_add(UC_HOOK_MEM_WRITE, lambda *_: None)
    engine.reg_write(A0, DATA)
    store, branch, add = 0xAC820000, 0x10000002, 0x24420001  # sw v0, 0(a0); beq zero, zero, .+12; addiu v0, v0, 1
    _run(engine, ONE, branch, store, 0, add, *RETURN)
    assert engine.reg_read(V0) == (3 if hooked else 2)


@pytest.mark.parametrize("bits", [32, 64])
def test_the_hook_of_an_instruction_is_called_though_a_branch_likely_nullifies_it(bits: int) -> None:
    engine, hooked = _engine(bits), []
    engine.hook_add(UC_HOOK_CODE, lambda _engine, address, *_: hooked.append((address - CODE) // 4))
    branch, add = 0x5040_0002, 0x2442_0001  # beql v0, zero, .+12; addiu v0, v0, 1
    _run(engine, ONE, branch, add, *RETURN)
    assert engine.reg_read(V0) == 1
    assert hooked[:3] == [0, 1, 2]
