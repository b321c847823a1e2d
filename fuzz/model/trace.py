"""What the engine records on the way, in the memory that targets have for that (`fuzz.recording.native_record`)."""

from ebpf.instruction import REGISTERS
from fuzz.model.bits import Numbers, choose, low, native
from fuzz.recording import native_record as record


@native
def operand(data: Numbers, word: int, register: int, value: int) -> None:
    """Record a word operand that is no word."""
    count = data[record.COUNT_OPERANDS]
    data[record.COUNT_OPERANDS] = count + 1
    if count < record.MAXIMUM_OPERANDS:
        row = record.OPERANDS + record.OPERAND_ROW * count
        data[row] = word
        data[row + 1] = register
        data[row + 2] = value


@native
def access(data: Numbers, address: int, size: int, written: int, word: int, stack_pointer: int) -> None:
    """Record a load or store that is begun."""
    count = data[record.COUNT_ACCESSES]
    data[record.COUNT_ACCESSES] = count + 1
    if count < record.MAXIMUM_ACCESSES:
        row = record.ACCESSES + record.ACCESS_ROW * count
        data[row + 1] = address
        data[row + 2] = size
        data[row + 3] = written
        data[row + 4] = word
        data[row + 5] = stack_pointer


@native
def boundary(data: Numbers, slot: int, registers: Numbers, cpu_64: bool) -> None:
    """Record the eBPF registers."""
    count = data[record.COUNT_BOUNDARIES]
    data[record.COUNT_BOUNDARIES] = count + 1
    if count < record.MAXIMUM_BOUNDARIES:
        row = record.BOUNDARIES + record.BOUNDARY_ROW * count
        data[row] = slot
        for number in range(REGISTERS):
            value, high = registers[data[record.LOW + number]], data[record.HIGH + number]
            upper = registers[max(high, 0)] << 32
            data[row + 1 + number] = choose(high < 0, choose(cpu_64, value, low(value)), low(value) | upper)
