"""Which accesses are to the context: copies, the stack, local functions, several ways; and what is refused."""

from dataclasses import replace

import pytest

from ebpf.assembler import assemble
from ebpf.context import FIELDS, ContextKind, field_at, size
from ebpf.context_access import Access, context_accesses
from ebpf.program import Program, ProgramError
from ebpf.validity import check


def program(text: str, kind: ContextKind = "skb") -> Program:
    assembled = replace(assemble(text, "t.s"), context=kind)
    check(assembled)
    return assembled


def found(text: str, kind: ContextKind = "skb") -> dict[int, Access]:
    return context_accesses(program(text, kind), kind)


LEN, MARK = Access("len", 0, 4, False), Access("mark", 0, 4, False)

# fmt: off
FOLLOWED: tuple[tuple[str, dict[int, Access]], ...] = (
    ("r0 = *(u32 *)(r1 + 0); exit",                                                                {0: LEN}),
    ("r6 = r1; r1 = 0; r0 = *(u32 *)(r6 + 8); exit",                                               {2: MARK}),
    ("r6 = r1; call 7; r0 = *(u32 *)(r6 + 8); exit",                                               {2: MARK}),
    ("*(u64 *)(r10 - 8) = r1; r1 = 0; r2 = *(u64 *)(r10 - 8); r0 = *(u32 *)(r2 + 0); exit",        {3: LEN}),
    ("*(u64 *)(r10 - 8) = r1; *(u8 *)(r10 - 1) = r1; r2 = *(u64 *)(r10 - 8); r0 = *(u32 *)(r2 + 0); exit", {}),
    ("r1 = r10; r0 = *(u32 *)(r1 - 4); exit",                                                      {}),
    ("r2 = r1; r2 = *(u32 *)(r2 + 76); r0 = *(u32 *)(r2 + 0); exit",                               {1: Access("data", 0, 4, False)}),
    ("if r2 == 0 goto +1; r6 = 0; r6 = r1; r0 = *(u32 *)(r6 + 0); exit",                           {3: LEN}),
    ("r6 = r1; r0 = *(u32 *)(r6 + 0); if r0 == 0 goto -2; exit",                                   {1: LEN}),
    ("call f; exit; f: r0 = *(u32 *)(r1 + 0); exit",                                               {2: LEN}),
    ("r6 = r1; call f; r0 = *(u32 *)(r6 + 8); exit; f: r0 = *(u32 *)(r1 + 0); exit",               {2: MARK, 4: LEN}),
    ("r0 = *(u16 *)(r1 + 18); exit",                                                               {0: Access("protocol", 2, 2, False)}),
    ("*(u32 *)(r1 + 8) = r2; r0 = 0; exit",                                                        {0: Access("mark", 0, 4, True)}),
    ("*(u64 *)(r1 + 56) = 1; r0 = 0; exit",                                                        {0: Access("cb", 8, 8, True)}),
    ("r0 = 0; exit",                                                                               {}),
)
REFUSED = (
    ("r1 += 4; r0 = *(u32 *)(r1 + 0); exit",                 "0: arithmetic on the address of the context, in r1"),
    ("r0 = 0; r6 = r1; if r2 == 0 goto +1; r6 = r10; r0 = *(u32 *)(r6 + 0); exit",
                                                             "4: r6 holds the address of the context on one way and something else on another"),
    ("r3 = r10; *(u64 *)(r3 - 8) = r1; r0 = 0; exit",
     "1: the address of the context is stored elsewhere than in a doubleword of the stack relative to r10"),
    ("r0 = *(u32 *)(r1 + 92); exit",                         "0: 4 bytes at 92 of the context are no field, nor part of one"),
    ("r0 = *(u64 *)(r1 + 0); exit",                          "0: 8 bytes at 0 of the context are no field, nor part of one"),
    ("r0 = *(u16 *)(r1 + 1); exit",                          "0: 2 bytes at 1 of the context are no field, nor part of one"),
    ("r0 = *(u16 *)(r1 + 76); exit",                         "0: field data of the context cannot be read in part"),
    ("*(u32 *)(r1 + 0) = 1; r0 = 0; exit",                   "0: field len of the context cannot be written"),
    ("*(u16 *)(r1 + 8) = 1; r0 = 0; exit",                   "0: field mark of the context cannot be written in part"),
    ("r0 = *(s32 *)(r1 + 0); exit",                          "0: only plain loads and stores may access the context"),
    ("r2 = 1; lock *(u32 *)(r1 + 8) += r2; r0 = 0; exit",    "1: only plain loads and stores may access the context"),
    ("r6 = code f; callx r6; exit; f: r0 = 0; exit",         "2: the context is passed to a function that is called by its address"),
)
# fmt: on


@pytest.mark.parametrize(("text", "accesses"), FOLLOWED)
def test_what_is_followed(text: str, accesses: dict[int, Access]) -> None:
    assert found(text) == accesses


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(ProgramError) as caught:
        found(text)
    assert str(caught.value) == f"t.s: .text: instruction {message}"


def test_bytes_of_the_program_are_no_context_to_rewrite() -> None:
    assert found("r1 += 1; r0 = *(u8 *)(r1 + 0); exit", "memory") == {}


@pytest.mark.parametrize("kind", ["skb", "xdp"])
def test_fields_do_not_overlap(kind: ContextKind) -> None:
    taken = [byte for field in FIELDS[kind].values() for byte in range(field.offset, field.offset + field.size)]
    assert len(taken) == len(set(taken))
    assert size(kind) == max(taken) + 1
    for name, field in FIELDS[kind].items():
        assert field_at(kind, field.offset, field.size) == name
        assert field_at(kind, field.offset + 1, field.size) is None


def test_offsets_are_those_of_linux() -> None:
    """Some that a mistake in the order of the others would move (include/uapi/linux/bpf.h)."""
    offsets = {name: FIELDS["skb"][name].offset for name in ("protocol", "tc_index", "cb", "hash", "data", "data_end", "data_meta")}
    assert offsets == {"protocol": 16, "tc_index": 44, "cb": 48, "hash": 68, "data": 76, "data_end": 80, "data_meta": 140}
