"""Known faults of engines: what they do otherwise than the architecture or their own interface says, where that was seen, and what is done about it.

A fault has a test that shows it where it can be shown without harm, so that a version in which it is gone, or another one, is noticed. When engines
disagree (verdict ENGINE) and the manual says which of them is wrong, the case belongs into the corpus, and the fault here.
"""

from collections.abc import Mapping
from typing import NamedTuple


class EngineFault(NamedTuple):
    """A fault.

    engine, versions  where it was seen
    what              what the engine does
    evidence          a test, as file and function, or how it was measured
    workaround        what the harness does about it, and where
    """

    engine: str
    versions: str
    what: str
    evidence: str
    workaround: str


_TRAPS = "fuzz/tests/test_unicorn_traps.py"

# fmt: off
FAULTS: tuple[EngineFault, ...] = (
    EngineFault("unicorn", "2.1.4", "runs code that has been replaced in memory behind its back",
                f"{_TRAPS}::test_writing_memory_keeps_translated_code", "all translated code is dropped for each image: `fuzz.unicorn.engine`"),
    EngineFault("unicorn", "2.1.4", "loses the program counter in an exception",
                f"{_TRAPS}::test_the_program_counter_is_lost_in_an_exception", "the run is repeated with a hook on each word: `fuzz.unicorn.target`"),
    EngineFault("unicorn", "2.1.4", "takes the first instruction after an exception in a delay slot for one in a delay slot",
                f"{_TRAPS}::test_the_delay_slot_is_remembered_after_an_exception", "the engine is thrown away: `fuzz.unicorn.target`"),
    EngineFault("unicorn", "2.1.4", "64-bit addresses fault unless there are TLB entries, which nothing but code can write",
                f"{_TRAPS}::test_addresses_above_2_gib_need_tlb_entries", "each engine writes some at its start: `fuzz.unicorn.engine`"),
    EngineFault("unicorn", "2.1.4", "crashes on some 350 instructions without a transfer of control",
                f"{_TRAPS}::test_long_straight_code_crashes_the_translator", "long runs are hooked: `fuzz.unicorn.blocks`, in Qiling as well"),
    EngineFault("unicorn", "2.1.4", "with a hook on memory, goes to the target of a branch twice after an access in its delay slot",
                f"{_TRAPS}::test_a_memory_hook_executes_the_target_of_a_branch_twice_after_an_access_in_its_delay_slot",
                "there are no such hooks: accesses are calculated from registers"),
    EngineFault("unicorn", "2.1.4", "calls the hook of an instruction that a branch likely nullifies, though it does not execute it",
                f"{_TRAPS}::test_the_hook_of_an_instruction_is_called_though_a_branch_likely_nullifies_it",
                "none: what it would have done counts there, so that it is reported too often; the model tells, and the verdict is ENGINE"),
    EngineFault("qemu", "7.2", "tells an exception in a forbidden slot of the branch before it, as if it were a delay slot",
                "fuzz/tests/test_qemu.py::test_an_exception_in_a_forbidden_slot_is_told_of_the_branch", "the slot is told again: `fuzz.qemu.target`"),
    EngineFault("qemu", "7.2", "does not see that we change code in memory that it shares with us",
                "fuzz/tests/test_targets.py::test_code_is_replaced", "the process maps each new image anew: `fuzz.qemu.machine`"),
    EngineFault("qiling", "1.4.6", "has no 64-bit MIPS, and no choice of the CPU",
                "fuzz/tests/test_debugger.py::test_64_bit_cpus_are_refused", "64-bit CPUs are not run; the CPU is set below: `fuzz.qiling.target`"),
)
# fmt: on

BY_ENGINE: Mapping[str, tuple[EngineFault, ...]] = {
    name: tuple(fault for fault in FAULTS if fault.engine == name) for name in dict.fromkeys(fault.engine for fault in FAULTS)
}
