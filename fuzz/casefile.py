"""Cases as files: TOML that people read and tools replay, with the program in assembly.

Values are written by their types: tables for dataclasses and named tuples, without what is at its default, lists for tuples, hexadecimal text for
bytes. Slots are written as assembly where that assembles to the same slots, else as 16 hexadecimal digits each, as a little-endian machine has them.
"""

import dataclasses
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
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


def document(program: Program, inputs: tuple[Input, ...]) -> dict[str, Any]:
    """A program and its inputs as a TOML document."""
    return {"program": _program(program), "inputs": [_plain(given) for given in inputs]}


def case_of(found: Mapping[str, Any], source: str) -> tuple[Program, tuple[Input, ...]]:
    """The inverse of `document`. Raises ProgramError, which names the source."""
    try:
        table = dict(found["program"])
        slots = _slots(table.pop("assembly", None), table.pop("slots", None), source)
        program = typing.cast(Program, _value(Program, {**table, "source": source}, {"slots": slots}))
        inputs = tuple(typing.cast(Input, _value(Input, one, {})) for one in found["inputs"])
    except ProgramError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ProgramError(f"{source}: not a case: {what}") from None
    if not inputs:
        raise ProgramError(f"{source}: not a case: no inputs")
    return program, inputs


def read_document(path: str) -> dict[str, Any]:
    """The TOML document of a file. Raises ProgramError."""
    try:
        return tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise ProgramError(f"{path}: {error}") from None
    except RecursionError:
        raise ProgramError(f"{path}: too many brackets, one in the other") from None


def text_of(found: Mapping[str, Any]) -> str:
    """The text of a TOML document."""
    return tomli_w.dumps(found, multiline_strings=True)


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that at every moment it is there as a whole or not at all."""
    beside = path.with_name(f".{path.name}.new")
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


def _slots(text: str | None, hexadecimal: list[str] | None, source: str) -> tuple[Instruction, ...]:
    if text is not None:
        return assemble(text, source).slots
    if hexadecimal is None:
        raise ValueError("no program")
    return decode(bytes.fromhex("".join(hexadecimal)), "little", source, "slots")


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


def _value(kind: Any, plain: Any, given: Mapping[str, Any]) -> Any:
    """The inverse of `_plain` for a type; `given` are fields of the outermost table that are known already."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is bytes:
        return bytes.fromhex(plain)
    if origin in (typing.Union, types.UnionType):
        return _value(next(one for one in arguments if one is not type(None)), plain, {})
    if origin is tuple:
        return tuple(_value(arguments[0] if arguments[-1] is Ellipsis else arguments[at], one, {}) for at, one in enumerate(plain))
    if origin is not None and isinstance(plain, dict):
        return {_value(arguments[0], key, {}): _value(arguments[1], one, {}) for key, one in plain.items()}
    if isinstance(plain, dict):
        hints = typing.get_type_hints(kind)
        if unknown := set(plain) - set(hints):
            raise ValueError(f"unknown field {min(unknown)!r}")
        return kind(**{**{name: _value(hints[name], one, {}) for name, one in plain.items()}, **given})
    return kind(plain) if isinstance(kind, type) and not isinstance(plain, kind) else plain
