"""Cases as files: TOML that people read and tools replay, with the program in assembly.

Values are written by their types: tables for dataclasses and named tuples, without what is at its default, lists for tuples, hexadecimal text for
bytes. Slots are written as assembly where that assembles to the same slots, else as 16 hexadecimal digits each, as a little-endian machine has them.
"""

import dataclasses
import inspect
import re
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import tomli_w

from ebpf.assembler import assemble
from ebpf.codec import decode, encode
from ebpf.disassembler import disassemble
from ebpf.files import read_text
from ebpf.instruction import Instruction
from ebpf.program import Program, ProgramError
from fuzz.case import Input

_UNWRITTEN = frozenset({"slots", "lines", "labels", "source"})
"""Fields of a program that are not written as they are: slots are text, and the others tell where in other files they came from."""

_KINDS: Mapping[type, str] = {int: "an integer", str: "text", bool: "true or false", list: "a list", dict: "a table"}
"""What TOML has, in words."""


def document(program: Program, inputs: tuple[Input, ...]) -> dict[str, Any]:
    """A program and its inputs as a TOML document."""
    return {"program": _program(program), "inputs": [_plain(given) for given in inputs]}


def case_of(found: Mapping[str, Any], source: str) -> tuple[Program, tuple[Input, ...]]:
    """The inverse of `document`. Raises ProgramError, which names the source, the field, and of a list the element, counted from 0 as in verdicts."""
    try:
        for name in ("program", "inputs"):
            if name not in found:
                raise ValueError(f"{name!r} is missing")
        program = _read_program(found["program"], source)
        _check_names(program)
        inputs = typing.cast(tuple[Input, ...], value_of(tuple[Input, ...], found["inputs"], "inputs"))
        if not inputs:
            raise ValueError("inputs: there are none")
        for number, given in enumerate(inputs):
            _check_input(given, f"inputs {number}")
    except ValueError as error:
        raise ProgramError(f"{source}: not a case: {error}") from None
    return program, inputs


def _check_names(program: Program) -> None:
    """Lines and labels are of slots. Raises ValueError."""
    for field, slots in (("lines", program.lines), ("labels", program.labels)):
        for slot in slots:
            if not 0 <= slot < len(program.slots):
                raise ValueError(f"program: {field}: {slot} is outside the program, which has slots 0 to {len(program.slots) - 1}")


def _check_input(given: Input, where: str) -> None:
    """Numbers of an input that have a range. Raises ValueError."""
    packet = given.packet
    # That of Linux's struct sk_buff has 16 bits.
    bits_of = {
        "seed": (given.seed, 64),
        "packet: network_header": (packet.network_header, 16),
        "packet: address": (packet.address or 0, 64),
    }
    for field, (number, bits) in bits_of.items():
        if not 0 <= number < 1 << bits:
            raise ValueError(f"{where}: {field}: {number} is not from 0 to 2^{bits} - 1")


def read_document(path: str) -> dict[str, Any]:
    """The TOML document of a file. Raises ProgramError."""
    try:
        return tomllib.loads(read_text(path))
    except ValueError as error:
        # Of numbers with thousands of digits it is not tomllib's own.
        raise ProgramError(f"{path}: {error}") from None
    except RecursionError:
        raise ProgramError(f"{path}: too many brackets, one in the other") from None


def text_of(found: Mapping[str, Any]) -> str:
    """The text of a TOML document."""
    return tomli_w.dumps(found, multiline_strings=True)


def new_name(path: Path) -> Path:
    """Where a file is written before it takes its place."""
    return path.with_name(f".{path.name}.new")


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that at every moment it is there as a whole or not at all."""
    beside = new_name(path)
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def _program(program: Program) -> dict[str, Any]:
    return {**_assembly(program.slots), **{name: _plain(value) for name, value in _given(program) if name not in _UNWRITTEN}}


def _assembly(slots: tuple[Instruction, ...]) -> dict[str, Any]:
    try:
        text = "\n".join(line for line in disassemble(slots) if line) + "\n"
        if assemble(text).slots == slots:
            return {"assembly": text}
    except (ValueError, ProgramError):
        pass
    code = encode(slots, "little")
    return {"slots": [code[at : at + 8].hex() for at in range(0, len(code), 8)]}


def _read_program(plain: Any, source: str) -> Program:
    if not isinstance(plain, dict):
        raise ValueError("program: not a table")
    slots = _slots(plain, source)
    rest = {name: one for name, one in plain.items() if name not in ("assembly", "slots")}
    return typing.cast(Program, value_of(Program, rest, "program", {"source": source, "slots": slots}))


def _slots(table: Mapping[str, Any], source: str) -> tuple[Instruction, ...]:
    match "assembly" in table, "slots" in table:
        case True, False:
            # Its lines are those of the text, not of the file.
            return assemble(value_of(str, table["assembly"], "program: assembly"), f"{source}: program: assembly").slots
        case False, True:
            return decode(b"".join(value_of(tuple[bytes, ...], table["slots"], "program: slots")), "little", source, "program: slots")
        case both, _:
            raise ValueError(f"program: {'both' if both else 'neither'} 'assembly' {'and' if both else 'nor'} 'slots'")


def _plain(value: Any) -> Any:
    """What TOML can hold; None does not occur, because it is a default."""
    if isinstance(value, bytes):
        return value.hex()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(one) for name, one in _given(value)}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        defaults = getattr(value, "_field_defaults", {})
        given = [(name, one, defaults.get(name, dataclasses.MISSING)) for name, one in zip(value._fields, value, strict=True)]
        return {name: _plain(one) for name, one, default in given if one != default}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    return value.value if hasattr(value, "value") else value


def _given(value: Any) -> Iterator[tuple[str, Any]]:
    """The fields of a dataclass that are not at their defaults."""
    for field in dataclasses.fields(value):
        if (one := getattr(value, field.name)) != _default(field):
            yield field.name, one


def _default(field: "dataclasses.Field[Any]") -> Any:
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default


def value_of(kind: Any, plain: Any, where: str, given: Mapping[str, Any] = MappingProxyType({})) -> Any:
    """The inverse of `_plain` for a type; `given` are fields of the outermost table that are known already.

    `where` is the field that holds the value, empty for the document itself. Raises ValueError, which names it, for what `_plain` does not write:
    text that is true or false to Python, or numbers in quotes, would be read as something that nobody meant.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return value_of(next(one for one in arguments if one is not type(None)), plain, where)
    if origin is tuple:
        return _tuple(arguments, plain, where)
    if origin is Mapping:
        pairs = _typed(dict, plain, where).items()
        return {_key(arguments[0], key, where): value_of(arguments[1], one, f"{where}: {key}") for key, one in pairs}
    if origin is typing.Literal:
        return _one_of(arguments, plain, where)
    if issubclass(kind, Enum):
        return kind(_one_of(tuple(one.value for one in kind), plain, where))
    if dataclasses.is_dataclass(kind) or hasattr(kind, "_fields"):
        return _table(kind, plain, where, given)
    return _bytes(plain, where) if kind is bytes else _typed(kind, plain, where)


def _table(kind: Any, plain: Any, where: str, given: Mapping[str, Any]) -> Any:
    (hints, required), head = _fields(kind), f"{where}: " if where else ""
    if unknown := set(_typed(dict, plain, where)) - set(hints):
        raise ValueError(f"{head}unknown field {min(unknown)!r}")
    values = {**{name: value_of(hints[name], one, f"{head}{name}") for name, one in plain.items() if name not in given}, **given}
    for name in required:
        if name not in values:
            raise ValueError(f"{head}{name!r} is missing")
    try:
        return kind(**values)
    except ValueError as error:
        raise ValueError(f"{head}{error}") from None


@cache
def _fields(kind: Any) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """The fields of a dataclass or named tuple with their types, and those that have no default. To find these out takes longer than to use them."""
    parameters = inspect.signature(kind).parameters
    return typing.get_type_hints(kind), tuple(name for name, parameter in parameters.items() if parameter.default is parameter.empty)


def _tuple(kinds: tuple[Any, ...], plain: Any, where: str) -> tuple[Any, ...]:
    count = len(_typed(list, plain, where))
    if kinds[-1] is Ellipsis:
        kinds = (kinds[0],) * count
    if count != len(kinds):
        raise ValueError(f"{where}: {count} elements, not {len(kinds)}")
    return tuple(value_of(kind, one, f"{where} {at}") for at, (kind, one) in enumerate(zip(kinds, plain, strict=True)))


def _typed(kind: type, plain: Any, where: str) -> Any:
    # Python counts booleans among the integers.
    if type(plain) is not kind:
        raise ValueError(f"{where}: not {_KINDS[kind]}")
    if isinstance(plain, int) and not -(1 << 63) <= plain < 1 << 64:
        raise ValueError(f"{where}: an integer of more than 64 bits")
    return plain


def _one_of(allowed: tuple[Any, ...], plain: Any, where: str) -> Any:
    if not any(type(plain) is type(one) and plain == one for one in allowed):
        raise ValueError(f"{where}: not one of {', '.join(map(str, allowed))}")
    return plain


def _bytes(plain: Any, where: str) -> bytes:
    text = _typed(str, plain, where)
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ValueError(f"{where}: not bytes in hexadecimal, two digits each") from None


def _key(kind: type, key: str, where: str) -> Any:
    """Keys of TOML are text."""
    if kind is int and not re.fullmatch(r"-?[0-9]{1,20}", key):
        raise ValueError(f"{where}: {key!r} is not an integer")
    return kind(key)
