"""Contexts: a program that was rewritten sees what it would see in the structure that it was compiled for; packets, with answers from Python."""

import random
import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ebpf.assembler import assemble
from ebpf.context import FIELDS, POINTERS, ContextKind, size
from ebpf.elf import load
from ebpf.program import ByteOrder, Program
from fuzz.captures import Captured, read_capture
from fuzz.case import Case, Input
from fuzz.environment.contexts import DEVICES, PACKET, rewritten
from fuzz.judge import interpret, judge_all
from fuzz.layout import place
from fuzz.unicorn.target import UnicornTarget
from fuzz.verdict import Status
from jit.compiler import compile_program
from jit.config import Config
from oracle.outcome import Outcome
from oracle.world import Packet

CORPUS = Path(__file__).parents[2] / "corpus"
CONFIGS = tuple(map(Config.parse, ("mips1-32le", "mips1-32be", "mips64r2-64le", "mips64r2-64be", "mips32r6-32le", "mips64r6-64be")))
KINDS: tuple[ContextKind, ...] = ("skb", "xdp")
BITS = {"pkt_type": 3, "vlan_present": 1, "hardware_type": 16}
HALVES = ("queue_mapping", "protocol", "vlan_proto", "vlan_tci", "tc_index", "tc_classid")


def order_of(config: Config) -> ByteOrder:
    return "big" if config.big_endian else "little"


def seen(kind: ContextKind, order: ByteOrder) -> dict[str, int]:
    """A value for each field but the pointers, as large as the field can be."""
    chance = random.Random(5)
    values = {}
    for name in FIELDS[kind]:
        if name not in POINTERS and name != "cb":
            bits = 16 if name in HALVES else BITS.get(name, 32)
            values[name] = chance.getrandbits(bits) | 1 << bits - 1
    if kind == "skb":
        values["vlan_present"] = 1
    else:
        # There is one device.
        values["egress_ifindex"] = values["ingress_ifindex"]
    return values


def memory(kind: ContextKind, order: ByteOrder, values: dict[str, int]) -> bytes:
    made = bytearray(size(kind))
    for name, value in values.items():
        field = FIELDS[kind][name]
        made[field.offset : field.offset + field.size] = value.to_bytes(field.size, order)
    if kind == "skb":
        made[48:68] = bytes(range(0x90, 0x90 + 20))
    return bytes(made)


PAYLOAD = bytes(range(100, 160))


def run(text: str, kind: ContextKind, config: Config, values: dict[str, int] | None = None) -> Outcome:
    order = order_of(config)
    given = Input(memory(kind, order, seen(kind, order) if values is None else values), Packet(PAYLOAD, 14))
    outcome = interpret(place(Case(replace(assemble(text, "t.s"), context=kind), given), config)).outcome
    assert outcome.fault is None
    return outcome


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_fields(kind: ContextKind, config: Config) -> None:
    """Whole, and in part: bytes and halves as they would lie in the structure."""
    order = order_of(config)
    values = seen(kind, order)
    image = memory(kind, order, values)
    for name, value in values.items():
        offset = FIELDS[kind][name].offset
        assert run(f"r0 = *(u32 *)(r1 + {offset}); exit", kind, config).registers[0] == value, name
        for length, unit in ((1, "u8"), (2, "u16")):
            for at in range(offset, offset + 4, length):
                expected = int.from_bytes(image[at : at + length], order)
                assert run(f"r1 = r1; r0 = *({unit} *)(r1 + {at}); exit", kind, config).registers[0] == expected, (name, at)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_pointers(kind: ContextKind, config: Config) -> None:
    fields = FIELDS[kind]
    data, end, meta = (f"*(u32 *)(r1 + {fields[name].offset})" for name in POINTERS)
    assert run(f"r2 = {data}; r0 = {end}; r0 -= r2; exit", kind, config).registers[0] == len(PAYLOAD)
    assert run(f"r2 = {data}; r0 = {meta}; r0 -= r2; exit", kind, config).registers[0] == 0
    assert run(f"r2 = {data}; r0 = *(u8 *)(r2 + 59); exit", kind, config).registers[0] == PAYLOAD[59]
    changed = run(f"r2 = {data}; *(u8 *)(r2 + 3) = 7; r0 = 0; exit", kind, config).memory[PACKET]
    assert changed == PAYLOAD[:3] + b"\x07" + PAYLOAD[4:]
    # The network header is aligned.
    assert run(f"r2 = {data}; r2 += 14; r0 = r2; r0 &= 15; exit", kind, config).registers[0] == 0


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_absent(config: Config) -> None:
    """Without a VLAN tag there is none; bits beside the type of the packet do not matter."""
    values = seen("skb", order_of(config)) | {"vlan_tci": 0, "vlan_proto": 0, "vlan_present": 0, "pkt_type": 0}
    assert run("r0 = *(u32 *)(r1 + 20); exit", "skb", config, values).registers[0] == 0
    assert run("r0 = *(u32 *)(r1 + 4); exit", "skb", config, values).registers[0] == 0


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_writing(config: Config) -> None:
    for name, field in FIELDS["skb"].items():
        if field.writable and name != "cb":
            for store in ("*(u32 *)(r1 + {0}) = r3", "*(u32 *)(r1 + {0}) = 0x1234"):
                code = f"w3 = 0x1234; {store.format(field.offset)}; r0 = *(u32 *)(r1 + {field.offset}); exit"
                assert run(code, "skb", config).registers[0] == 0x1234, name
    assert run("r3 = 0x1122334455667788 ll; *(u64 *)(r1 + 56) = r3; r0 = *(u64 *)(r1 + 56); exit", "skb", config).registers[0] == 0x1122334455667788
    assert run("*(u8 *)(r1 + 67) = 5; r0 = *(u8 *)(r1 + 67); exit", "skb", config).registers[0] == 5
    assert run("r0 = *(u8 *)(r1 + 50); exit", "skb", config).registers[0] == 0x92


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("value", [0, 1, 0xFFFE, 0xFFFF, 0x10000, 0x12345, -1, 0x7FFF_FFFF])
def test_a_queue_that_is_none_is_not_stored(value: int, config: Config, target: UnicornTarget) -> None:
    """Nor is the jump past the store, which is there for it, in the way of the program's own."""
    before, offset = seen("skb", order_of(config))["queue_mapping"], FIELDS["skb"]["queue_mapping"].offset
    stored = f"r0 = 0; if r0 != 0 goto -2; r3 = {value}; *(u32 *)(r1 + {offset}) = r3; r0 = *(u32 *)(r1 + {offset}); exit"
    immediate = f"*(u32 *)(r1 + {offset}) = {value}; r0 = *(u32 *)(r1 + {offset}); exit"
    assert run(stored, "skb", config).registers[0] == (value if 0 <= value < 0xFFFF else before)
    assert run(immediate, "skb", config).registers[0] == (value & 0xFFFF if value < 0xFFFF else before)
    for text in (stored, immediate):
        given = Input(memory("skb", order_of(config), seen("skb", order_of(config))), Packet(PAYLOAD, 14))
        (verdict,) = judge_all(replace(assemble(text, "t.s"), context="skb"), (given,), (config,), target, compile_program)
        assert verdict.status is Status.AGREE


OUTSIDE = {
    "function": "r7 = 3; call f; r0 += 1; r0 += r7; exit; f: r6 = r1; r7 = 0; r0 = *(u8 *)skb[{}]; r0 += 0x100; exit",
    "program that takes its place": """
.map table prog_array 4 4 1
.program table 0 b
r7 = 3; call f; r0 += 1; r0 += r7; exit
f: r2 = map_fd 0; r3 = 0; call 12; r0 = 0x55; exit
b: r6 = r1; r7 = 0; r0 = *(u8 *)skb[{}]; r0 += 0x100; exit
""",
}


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("name", OUTSIDE)
def test_reading_outside_the_packet_leaves_the_function(name: str, config: Config, target: UnicornTarget) -> None:
    for offset, result in ((1, PAYLOAD[1] + 0x100), (1000, 0)):
        text = OUTSIDE[name].format(offset)
        assert run(text, "skb", config).registers[0] == result + 4
        given = Input(bytes(size("skb")), Packet(PAYLOAD, 14))
        (verdict,) = judge_all(replace(assemble(text, "t.s"), context="skb"), (given,), (config,), target, compile_program)
        assert verdict.status is Status.AGREE, str(verdict)


@pytest.mark.parametrize(
    ("text", "kind", "detail"),
    [
        ("r2 = 1; r1 = map_fd 0; call 1; exit", "memory", "map_lookup_elem: r2"),
        ("r2 = r10; r2 += -4; *(u32 *)(r2 + 0) = 0; r3 = 5; r4 = 0; r1 = map_fd 0; call 2; exit", "memory", "map_update_elem: r3"),
        ("r2 = 0; r3 = r10; r3 += -4; r4 = 4; call 26; exit", "xdp", "skb_load_bytes: the context of the program is no __sk_buff"),
    ],
)
def test_a_wrong_argument_is_told_by_function_and_register(text: str, kind: ContextKind, detail: str) -> None:
    program = replace(assemble(f".map m hash 4 8 1\n{text}", "t.s"), context=kind)
    given = Input(bytes(128), Packet(PAYLOAD, 14))
    fault = interpret(place(Case(program, given), CONFIGS[0])).outcome.fault
    assert fault is not None
    assert fault.detail == detail


def test_jumps_pass_over_what_was_put_in() -> None:
    text = "r6 = r1; r0 = 0; if r0 != 0 goto out; again: r3 = *(u32 *)(r6 + 40); if r3 == 9 goto again; r4 = *(u8 *)(r6 + 4); out: exit"
    program = replace(assemble(text, "t.s"), context="skb")
    made = rewritten(program, 64, "big")
    assert len(made.slots) == len(program.slots) + 2 + 4
    out, again = made.slots[2], made.slots[6]
    assert 2 + 1 + out.offset == len(made.slots) - 1
    assert 6 + 1 + again.offset == 3
    assert rewritten(replace(program, context="memory"), 64, "big").slots == program.slots


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_packet_instructions_read_what_the_program_wrote(config: Config, target: UnicornTarget) -> None:
    text = "r6 = r1; r2 = *(u32 *)(r1 + 76); *(u8 *)(r2 + 1) = 9; r0 = *(u16 *)skb[0]; exit"
    program = replace(assemble(text, "t.s"), context="skb")
    given = Input(bytes(size("skb")), Packet(PAYLOAD, 14))
    (verdict,) = judge_all(program, (given,), (config,), target, compile_program)
    assert verdict.status is Status.AGREE
    assert verdict.outcome is not None
    assert verdict.outcome.return_value == 100 << 8 | 9


def test_devices_are_read_only() -> None:
    given = Input(bytes(size("skb")), Packet(PAYLOAD, 14))
    world = place(Case(replace(assemble("r0 = 0; exit", "t.s"), context="skb"), given), CONFIGS[0]).world
    assert {region.name: region.writable for region in world.regions} == {"context": True, PACKET: True, DEVICES: False}


# The programs of corpus/packets: what each returns, and what it leaves of the packet.

ABORTED, DROP, PASS, TX = range(4)
Answer = tuple[int, bytes]


def network(contents: bytes) -> tuple[int, bytes] | None:
    """EtherType and what follows, behind one VLAN tag as well; None where there is no room for it."""
    if len(contents) < 14:
        return None
    kind, rest = int.from_bytes(contents[12:14], "big"), contents[14:]
    if kind == 0x8100:
        return (int.from_bytes(rest[2:4], "big"), rest[4:]) if len(rest) >= 4 else None
    return kind, rest


def firewall(contents: bytes) -> Answer:
    found = network(contents)
    if found is None:
        return ABORTED, contents
    kind, rest = found
    if kind == 0x0800:
        if len(rest) < 20 or rest[0] >> 4 != 4 or rest[0] % 16 < 5:
            return ABORTED, contents
        if int.from_bytes(rest[6:8], "big") & 0x1FFF:
            return DROP, contents
        protocol, transport = rest[9], rest[rest[0] % 16 * 4 :] if len(rest) >= rest[0] % 16 * 4 else None
    elif kind == 0x86DD:
        if len(rest) < 40 or rest[0] >> 4 != 6:
            return ABORTED, contents
        protocol, transport = rest[6], rest[40:]
    else:
        return PASS, contents
    if transport is None:
        return ABORTED, contents
    if protocol not in (6, 17):
        return PASS, contents
    if len(transport) < 8:
        return ABORTED, contents
    return (DROP if int.from_bytes(transport[2:4], "big") in (22, 5353) else PASS), contents


def reflect(contents: bytes) -> Answer:
    if len(contents) < 42 or contents[12:15] != b"\x08\x00\x45" or contents[23] != 17 or int.from_bytes(contents[20:22], "big") & 0x3FFF:
        return PASS, contents
    if contents[22] < 2:
        return DROP, contents
    total = int.from_bytes(contents[24:26], "big") + 0x100
    checksum = (total + (total >> 16)) & 0xFFFF
    header = contents[14:22] + bytes([contents[22] - 1, 17]) + struct.pack(">H", checksum) + contents[30:34] + contents[26:30]
    return TX, contents[6:12] + contents[:6] + contents[12:14] + header + contents[36:38] + contents[34:36] + contents[38:]


def classify(captured: Captured) -> Answer:
    contents, length = captured.contents, captured.length
    if len(contents) < 14:
        return 0xFFFFFFFF, contents
    priority = {0x86DD: 6, 0x0800: 4}.get(int.from_bytes(contents[12:14], "big"), 0)
    mark = priority << 28 | 8 << 16 | length & 0xFFFF
    return (1 + mark + captured.values["protocol"] * 3 + (length - len(contents)) * 5 + mark % 256 * 7) % (1 << 32), contents


def queries(captured: Captured) -> Answer:
    contents = captured.contents
    if captured.values["protocol"] != 0x0800 or len(contents) < 24 or contents[23] != 17:
        return 0, contents
    at = 14 + contents[14] % 16 * 4
    if len(contents) < at + 4 or contents[at + 2 : at + 4] != b"\x00\x35":
        return 0, contents
    if len(contents) < at + 6:
        return 0, contents
    return int.from_bytes(contents[at + 4 : at + 6], "big") + contents[26], contents


def header_sum(captured: Captured) -> Answer:
    contents = captured.contents
    if captured.values["protocol"] != 0x0800:
        return 0, contents
    if len(contents) < 34:
        return (1 << 32) - 14, contents
    total = sum(struct.unpack(">10H", contents[14:34]))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total | len(f"sum {total:x} of 20") << 16, contents


ANSWERS = {
    "tc_checksum": header_sum,
    "xdp_firewall": lambda captured: firewall(captured.contents),
    "xdp_reflect": lambda captured: reflect(captured.contents),
    "tc_classify": classify,
    "socket_legacy": queries,
}
OBJECTS = sorted((CORPUS / "packets" / "objects").glob("*.o"))


def loaded(path: Path) -> Program:
    (program,) = load(path)
    return replace(program, context="xdp" if program.section == "xdp" else "skb")


def test_every_program_has_an_answer() -> None:
    assert {path.name.split(".")[0] for path in OBJECTS} == set(ANSWERS) == {path.stem for path in (CORPUS / "packets").glob("*.c")}


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: path.name)
def test_programs_of_packets(path: Path, target: UnicornTarget) -> None:
    """On many packets of the capture by the oracle, on some of them by the compiler."""
    program, name = loaded(path), path.name.split(".")[0]
    capture: Sequence[Captured] = read_capture(str(CORPUS / "filters" / "mixed.pcap"))
    configs = [config for config in CONFIGS if order_of(config) == program.byte_order]
    inputs = [captured.input(number, program.context, program.byte_order or "little") for number, captured in enumerate(capture)]
    outcomes = []
    for number, given in enumerate(inputs[:400]):
        outcome = interpret(place(Case(program, given), configs[number % len(configs)])).outcome
        assert outcome.fault is None, number
        assert (outcome.return_value, outcome.memory[PACKET]) == ANSWERS[name](capture[number]), number
        outcomes.append(outcome.return_value)
    assert len(set(outcomes)) > 1
    for verdict in judge_all(program, inputs[:16], configs, target, compile_program):
        assert verdict.status is Status.AGREE, verdict
