"""Calls and exits: RFC 9669 section 4.3.1 (helper functions) and 4.3.2 (program-local functions); CALLX as clang emits and Linux executes it.

A function gets r1 to r5 as its caller left them and returns its result in r0. r1 to r5 hold nothing afterwards, r6 to r10 are as before.
A local function has a frame of its own below that of its caller.

Two helper functions are no functions outside of the program: `tail_call` and `bpf_loop` (Linux, bpf-helpers(7)).
"""

from collections.abc import Mapping

from ebpf.instruction import FRAME_POINTER, FRAME_SIZE, LOOP, MAXIMUM_CALL_DEPTH, MAXIMUM_LOOPS, TAIL_CALL
from oracle.arithmetic import u32, u64
from oracle.faults import FaultError
from oracle.machine import EXITED, Decoded, Frame, Machine, Repetition
from oracle.outcome import FaultKind
from oracle.world import Helper, RefusedCallError

MAXIMUM_TAIL_CALLS = 33
"""Of a run (Linux: MAX_TAIL_CALL_CNT)."""

_E2BIG, _EINVAL = 7, 22
"""Numbers of errors (Linux, errno(3))."""


def _call(table: Mapping[int, Helper], kind: str, instruction: Decoded, machine: Machine) -> int:
    helper = table.get(instruction.imm)
    if helper is None:
        raise FaultError(FaultKind.UNKNOWN_FUNCTION, detail=f"{kind} {instruction.imm}")
    arguments: tuple[int | None, ...] = tuple(machine.read(register) for register in range(1, 1 + helper.arguments))
    arguments += tuple(machine.registers[1 + helper.arguments : 1 + helper.arguments + helper.more])
    try:
        result = helper.function(machine.memory, *arguments) if helper.memory else helper.function(*arguments)
    except RefusedCallError as error:
        raise FaultError(FaultKind.ARGUMENT, detail=f"{helper.name}: {error}") from None
    except FaultError as error:
        raise FaultError(error.kind, error.address, error.size, _named(helper, arguments, error, machine)) from None
    if not 0 <= result < 1 << 64:
        raise ValueError(f"{kind} {helper.name} returned {result}: not an unsigned 64-bit value")
    machine.registers[0] = result
    machine.forget_arguments()
    return instruction.following


def _named(helper: Helper, arguments: tuple[int | None, ...], error: FaultError, machine: Machine) -> str:
    """Which function could not access memory, and which argument has the address, where that is one."""
    pointers = [f"r{number}" for number, value in enumerate(arguments, 1) if value is not None and machine.memory.address(value, 0) == error.address]
    return ", ".join(part for part in (error.detail, f"{helper.name}{f': {pointers[0]}' if pointers else ''}") if part)


def call_helper(instruction: Decoded, machine: Machine) -> int:
    """R0 = the helper function with this number, of as many of r1 to r5 as it declares. Raises ValueError when its result does not fit 64 bits."""
    if instruction.imm == TAIL_CALL:
        return _tail_call(instruction, machine)
    if instruction.imm == LOOP:
        return _loop(instruction, machine)
    return _call(machine.world.helpers, "helper function", instruction, machine)


def _tail_call(instruction: Decoded, machine: Machine) -> int:
    """Go on in a program of the prog array r2, at index r3, with r1; it takes the place of the function that is active, and has its frame.

    Where there is none, and when there were 33 tail calls already, the next instruction follows, and r0 is what it was (Linux,
    bpf-helpers(7); arch/x86/net/bpf_jit_comp.c counts the calls that find a program).
    """
    _, address, number = (machine.read(register) for register in (1, 2, 3))
    programs = machine.world.prog_arrays.get(address)
    if programs is None:
        raise FaultError(FaultKind.ARGUMENT, detail=f"tail_call: r2 is {address:#x}, which is no prog array")
    index = u32(number)
    start = programs[index] if index < len(programs) else None
    if start is None or machine.tail_calls == MAXIMUM_TAIL_CALLS:
        machine.forget_arguments()
        return instruction.following
    machine.tail_calls += 1
    depth = len(machine.frames)
    machine.programs = [*(program for program in machine.programs if program[0] < depth), (depth, start)]
    machine.registers[0] = None
    machine.registers[2:10] = (None,) * 8
    machine.loops = machine.world.loops
    return start


def call_kernel(instruction: Decoded, machine: Machine) -> int:
    """The same for a kernel function by its BTF id; bpf_throw is one."""
    if instruction.imm == machine.world.throw:
        return throw(instruction, machine)
    return _call(machine.world.kernel_functions, "kernel function", instruction, machine)


def call_local(instruction: Decoded, machine: Machine) -> int:
    """Enter a function of this program."""
    return _enter(instruction.target, instruction.following, machine)


def call_register(instruction: Decoded, machine: Machine) -> int:
    """CALLX: enter the function of this program whose address is in dst."""
    address = machine.read(instruction.dst)
    start = machine.world.functions.get(address)
    if start is None:
        raise FaultError(FaultKind.UNKNOWN_FUNCTION, detail=f"there is none at {address:#x}")
    return _enter(start, instruction.following, machine)


def _loop(instruction: Decoded, machine: Machine) -> int:
    """Call the function of this program whose address is r2, as often as the word r1 says, with r1 = 0, 1, 2 … and r2 = r3, until it returns 1.

    R0 is how many calls there were, or an error when r4 is not zero or r1 is too much (Linux, kernel/bpf/bpf_iter.c, bpf_loop). What its verifier
    asks for besides is asked for here: a callback, a pointer to the stack or zero as r3, a result of 0 or 1.
    """
    number, callback, context, flags = (machine.read(register) for register in range(1, 5))
    start = machine.world.functions.get(callback)
    if start is None:
        raise FaultError(FaultKind.ARGUMENT, detail=f"bpf_loop: r2 is {callback:#x}, which is no function of the program")
    if context and not machine.memory.in_stack(context):
        raise FaultError(FaultKind.ARGUMENT, detail=f"bpf_loop: r3 is {context:#x}, which is neither 0 nor an address of the stack")
    count = u32(number)
    if flags or count > MAXIMUM_LOOPS or not count:
        machine.registers[0] = u64(-_EINVAL) if flags else u64(-_E2BIG) if count else 0
        machine.forget_arguments()
        return instruction.following
    return _repeat(Repetition(start, count, context), instruction.following, machine)


def _repeat(repetition: Repetition, following: int, machine: Machine) -> int:
    """The next call of bpf_loop."""
    start = _enter(repetition.callback, following, machine, repetition)
    machine.forget_arguments()
    machine.registers[1:3] = repetition.done, repetition.context
    return start


def _enter(start: int, following: int, machine: Machine, repetition: Repetition | None = None) -> int:
    """In the function at slot `start` r0 and r6 to r9 hold nothing, r10 is 512 below the caller's, and `may_goto` counts anew."""
    if len(machine.frames) + 1 >= MAXIMUM_CALL_DEPTH:
        raise FaultError(FaultKind.CALL_DEPTH)
    frame_pointer = machine.read(FRAME_POINTER)
    machine.frames.append(Frame(following, tuple(machine.registers[6:10]), frame_pointer, machine.loops, repetition))
    machine.loops = machine.world.loops
    machine.registers[0] = None
    machine.registers[6:10] = (None,) * 4
    machine.set_frame_pointer(frame_pointer - FRAME_SIZE)
    return start


def throw(instruction: Decoded, machine: Machine) -> int:
    """Leave all functions of the program with r1, the cookie: the program returns it, or what its exception callback makes of it in its frame.

    The program is the one that was entered last, by a tail call or as the main program, of which alone there is a callback. Source: Linux,
    kernel/bpf/helpers.c, bpf_throw and bpf_stack_walker; kernel/bpf/verifier.c makes the default callback, and does not let callbacks throw.
    """
    cookie = machine.read(1)
    if machine.catching:
        raise FaultError(FaultKind.ARGUMENT, detail="bpf_throw: called from the exception callback, or from a function that it calls")
    depth, program = machine.programs[-1]
    if any(frame.repetition for frame in machine.frames[depth:]):
        raise FaultError(FaultKind.ARGUMENT, detail="bpf_throw: called from a callback of bpf_loop")
    del machine.frames[depth:]
    machine.registers[:10] = (None,) * 10
    machine.set_frame_pointer(machine.world.frame_pointer - depth * FRAME_SIZE)
    machine.loops = machine.world.loops
    if program or machine.world.exception_callback is None:
        machine.registers[0] = cookie
        return exit_function(instruction, machine)
    machine.registers[1] = cookie
    machine.catching = True
    return machine.world.exception_callback


def exit_function(instruction: Decoded, machine: Machine) -> int:
    """EXIT: back to the caller; from the main program, which must have written r0, end the run."""
    if not machine.frames:
        machine.read(0)
        return EXITED
    frame = machine.frames[-1]
    repetition = None if frame.repetition is None else _next(frame.repetition, machine)
    machine.frames.pop()
    if machine.programs[-1][0] > len(machine.frames):
        machine.programs.pop()
    machine.forget_arguments()
    machine.registers[6:10] = frame.saved
    machine.loops = frame.loops
    machine.set_frame_pointer(frame.frame_pointer)
    return frame.following if repetition is None else _repeat(repetition, frame.following, machine)


def _next(repetition: Repetition, machine: Machine) -> Repetition | None:
    """What is left to do for bpf_loop when a callback returns; r0 is its result when that is nothing."""
    result = machine.read(0)
    if result not in (0, 1):
        raise FaultError(FaultKind.ARGUMENT, detail=f"bpf_loop: the callback returns {result:#x}, which is neither 0 nor 1")
    done = repetition.done + 1
    if not result and done < repetition.calls:
        return repetition._replace(done=done)
    machine.registers[0] = done
    return None
