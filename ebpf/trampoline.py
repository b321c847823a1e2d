"""A trampoline as it is described: the traced function, and the programs that are attached to it.

    fentry     run before the function, in their order
    fmod_ret   run before it as well; the first whose result is not zero keeps the function from being called, and is what it would have returned
    fexit      run after it, or in its place
    replaces   there is no function to call: what the last fentry program returns is returned

All programs get the address of an array of 64-bit integers in the byte order of the CPU: the arguments, each extended as its type says, then the
return value. Before it lie the number of arguments and the address of the function (Linux, arch/x86/net/bpf_jit_comp.c,
arch_prepare_bpf_trampoline; kernel/trace/bpf_trace.c, bpf_get_func_ip and get_func_arg_cnt):

    context - 16   address of the traced function
    context - 8    number of arguments
    context        arguments
    context + 8 n  return value; zero before there is one

A description is read from a TOML file; see `read`.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ebpf.assembler import assemble
from ebpf.files import read_text
from ebpf.program import Program, ProgramError, printable
from ebpf.validity import check

SIZES: Mapping[str, int] = {"u8": 1, "s8": 1, "u16": 2, "s16": 2, "u32": 4, "s32": 4, "u64": 8, "s64": 8, "pointer": 0}
"""Bytes of each type of an argument or result; those of a pointer are the CPU's."""

MAXIMUM_ARGUMENTS = 12
"""Linux: MAX_BPF_FUNC_ARGS."""

MAXIMUM_PROGRAMS = 38
"""Of one trampoline (Linux: BPF_MAX_TRAMP_LINKS)."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Types of the arguments, and of the result, which may also be "void". Raises ValueError for what Linux does not trace."""

    arguments: tuple[str, ...]
    result: str

    def __post_init__(self) -> None:
        if len(self.arguments) > MAXIMUM_ARGUMENTS:
            raise ValueError(f"{len(self.arguments)} arguments; a traced function has at most {MAXIMUM_ARGUMENTS}")
        for kind in (*self.arguments, *(() if self.result == "void" else (self.result,))):
            if kind not in SIZES:
                raise ValueError(f"unknown type {kind!r}; one of {', '.join(SIZES)}")


@dataclass(frozen=True, slots=True)
class Attached:
    """A program, and the number that bpf_get_attach_cookie finds, unsigned 64 bits. Raises ValueError for one that does not fit."""

    program: Program
    cookie: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.cookie < 1 << 64:
            raise ValueError(f"cookie {self.cookie}; an unsigned 64-bit integer")


@dataclass(frozen=True, slots=True)
class Trampoline:
    """See the head of this file. Raises ValueError for a combination that does not exist."""

    signature: Signature
    fentry: tuple[Attached, ...] = ()
    fmod_ret: tuple[Attached, ...] = ()
    fexit: tuple[Attached, ...] = ()
    replaces: bool = False

    def __post_init__(self) -> None:
        if not self.programs:
            raise ValueError("no program is attached")
        if len(self.programs) > MAXIMUM_PROGRAMS:
            raise ValueError(f"{len(self.programs)} programs; at most {MAXIMUM_PROGRAMS} can be attached")
        if self.replaces and (self.fmod_ret or self.fexit):
            raise ValueError("a function that is replaced has fentry programs only")
        if self.fmod_ret and self.signature.result not in ("s32", "s64"):
            raise ValueError(f"fmod_ret programs return an error code, which a result of type {self.signature.result} is not")

    @property
    def programs(self) -> tuple[Attached, ...]:
        """All, in the order in which they are run."""
        return self.fentry + self.fmod_ret + self.fexit


@dataclass(frozen=True, slots=True)
class Traced:
    """A trampoline, and the calls that are made of the function: arguments, and what the function itself returns, unsigned 64-bit integers of which
    the types take what they have. `skipped` are the programs, by their index, that the kernel does not let run.
    """

    source: str
    trampoline: Trampoline
    calls: tuple[tuple[tuple[int, ...], int], ...]
    skipped: frozenset[int] = frozenset()


_FUNCTION = re.compile(r"\s*(\w+)\s*\(([^()]*)\)\s*")
_KINDS = ("fentry", "fmod_ret", "fexit")


def parse_signature(text: str) -> Signature:
    """The signature written as `s32 (u64, pointer)`, `void ()`. Raises ValueError."""
    match = _FUNCTION.fullmatch(text)
    if match is None:
        raise ValueError(f"not a signature: {text!r}; as in 's32 (u64, pointer)'")
    inside = match[2].strip()
    return Signature(tuple(kind.strip() for kind in inside.split(",")) if inside else (), match[1])


def read(path: str) -> Traced:
    """The description in a TOML file. Raises ProgramError, one line, for anything that is none.

    function = "s32 (u64, pointer)"         the signature
    calls = [[[1, 2], 3]]                   of each call the arguments and what the function returns
    replaces = true                         may be left out
    skipped = [0]                           the same
    [[fentry]]                              and [[fmod_ret]], [[fexit]]: as many as there are
    cookie = 5                              may be left out
    program = '''assembly'''
    """
    return parse(read_text(path), printable(path))


def parse(text: str, source: str) -> Traced:
    """The same for the text of such a file, which errors call `source`."""
    try:
        table = tomllib.loads(text)
    except ValueError as error:
        # Of numbers with thousands of digits it is not tomllib's own.
        raise ProgramError(f"{source}: {error}") from None
    except RecursionError:
        raise ProgramError(f"{source}: too many brackets, one in the other") from None
    try:
        return _traced(table, source)
    except (ValueError, TypeError, KeyError) as error:
        reason = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
        raise ProgramError(f"{source}: {reason}") from None


def _traced(table: Mapping[str, Any], source: str) -> Traced:
    unknown = set(table) - {"function", "calls", "replaces", "skipped", *_KINDS}
    if unknown:
        raise ValueError(f"unknown key {min(unknown)!r}")
    signature = parse_signature(str(table["function"]))
    attached = {
        kind: tuple(_attached(each, f"{source}: {kind} {number}") for number, each in enumerate(_list(table, kind, "tables"))) for kind in _KINDS
    }
    replaces = table.get("replaces", False)
    if not isinstance(replaces, bool):
        raise ValueError("replaces is neither true nor false")
    trampoline = Trampoline(signature, **attached, replaces=replaces)
    calls = tuple(_call(call, number, signature) for number, call in enumerate(_list({"calls": table["calls"]}, "calls", "calls")))
    if not calls:
        raise ValueError("no calls")
    given = _list(table, "skipped", "numbers")
    if not all(map(_is_integer, given)):
        raise ValueError("skipped is no list of numbers")
    skipped = frozenset(given)
    if not skipped <= set(range(len(trampoline.programs))):
        raise ValueError(f"skipped: there are programs 0 to {len(trampoline.programs) - 1}")
    return Traced(source, trampoline, calls, skipped)


def _is_integer(value: object) -> bool:
    """Whether TOML calls it an integer; Python counts booleans among them."""
    return isinstance(value, int) and not isinstance(value, bool)


def _list(table: Mapping[str, Any], key: str, what: str) -> Sequence[Any]:
    given = table.get(key, [])
    if not isinstance(given, list):
        raise ValueError(f"{key} is no list of {what}")
    return given


def _call(call: Any, number: int, signature: Signature) -> tuple[tuple[int, ...], int]:
    match call:
        case [[*arguments], result] if all(map(_is_integer, (*arguments, result))):
            pass
        case _:
            raise ValueError(f"call {number}: not a list of the arguments and what the function returns")
    if len(arguments) != len(signature.arguments):
        raise ValueError(f"call {number}: {len(arguments)} arguments for a function with {len(signature.arguments)}")
    for value in (*arguments, result):
        if not -(1 << 63) <= value < 1 << 64:
            raise ValueError(f"call {number}: {value} does not fit 64 bits")
    return tuple(value % (1 << 64) for value in arguments), result % (1 << 64)


def _attached(table: Any, where: str) -> Attached:
    if not isinstance(table, dict):
        raise ValueError(f"{where.rpartition(': ')[2]}: no table of a program")
    unknown = set(table) - {"program", "cookie"}
    if unknown:
        raise ValueError(f"unknown key {min(unknown)!r} of a program")
    text, cookie = table["program"], table.get("cookie", 0)
    if not isinstance(text, str):
        raise ValueError(f"{where.rpartition(': ')[2]}: program is no text")
    if not _is_integer(cookie):
        raise ValueError(f"cookie {cookie!r}; an unsigned 64-bit integer")
    program = assemble(text, where)
    check(program)
    return Attached(program, cookie)
