"""Compilers that die, never end, or raise what they should not. They can be sent to workers, which have little to import for them."""

import os
import signal
import time
from collections.abc import Sequence

from ebpf.instruction import Instruction
from ebpf.opcodes import BY_NAME
from jit.compiled import Addresses, Compiled
from jit.compiler import compile_program
from jit.config import Config

HOW = {
    "MUL32_REG": "SIGSEGV",
    "DIV32_REG": "hang",
    "MOD32_REG": "exit",
    "OR32_REG": "KeyError",
    "AND32_REG": "MemoryError",
    "XOR32_REG": "SystemExit",
    "LSH32_REG": "KeyboardInterrupt",
}
ISAS = ("mips3", "mips4")
RAISED = {"KeyError": KeyError("x"), "MemoryError": MemoryError(), "SystemExit": SystemExit(0), "KeyboardInterrupt": KeyboardInterrupt()}


class Breaking:
    """Does in 64-bit code for MIPS III and IV with each instruction of `HOW` what stands there."""

    def __call__(self, slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
        for name, how in HOW.items():
            if config.width == 64 and config.isa in ISAS and slots[1].opcode == BY_NAME[name].opcode and slots[1].offset == 0:
                if how in RAISED:
                    raise RAISED[how]
                while how == "hang":
                    pass
                if how == "exit":
                    os._exit(3)
                os.kill(os.getpid(), signal.SIGSEGV)
        return compile_program(slots, config, addresses)


class Sleeping:
    """Waits for what never comes."""

    def __call__(self, slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
        time.sleep(1000)
        raise AssertionError


class Raising:
    """Raises one of `RAISED` with every program."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __call__(self, slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
        raise RAISED[self.what]
