"""Captures: what is read of them, and `bpfmips check --packets` from end to end."""

import json
import struct
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ebpf.context import FIELDS, size
from ebpf.program import ByteOrder, ProgramError
from fuzz.captures import Captured, read_capture
from fuzz.cli.main import main
from oracle.world import Packet

ORDERS: tuple[ByteOrder, ...] = ("little", "big")
FILTERS = Path(__file__).parents[2] / "corpus" / "filters"
SAMPLE = FILTERS / "sample.pcapng"
ONE_OF_EACH = ("--config", "mips1-32be", "--config", "mips64r6-64le", "--jobs", "1")


def check(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["check", *map(str, arguments)])


def pcap(link_type: int, *packets: bytes, magic: bytes = b"\xa1\xb2\xc3\xd4") -> bytes:
    head = magic + struct.pack(">HHiIII", 2, 4, 0, 0, 65535, link_type)
    return head + b"".join(struct.pack(">4I", 0, 0, len(packet), len(packet) + 3) + packet for packet in packets)


def test_both_formats_hold_the_same() -> None:
    sample = read_capture(str(SAMPLE))
    assert len(sample) == 48
    assert sample == read_capture(str(FILTERS / "mixed.pcap"))[:48]
    assert max(len(one.contents) for one in sample) == 128 < max(one.length for one in sample)


# fmt: off
LINKS = (
    # link type, header, where the network header begins, protocol
    (1,   bytes(12) + b"\x86\xdd",              14, 0x86DD), (1,   bytes(12) + b"\x05\xff",  14, 4), (1, bytes(12) + b"\x06\x00", 14, 0x600),
    (101, b"",                                   0, 0x0800), (228, b"",                       0, 0x0800),
    (229, b"",                                   0, 0x86DD), (113, bytes(14) + b"\x08\x06",  16, 0x0806),
    (276, b"\x88\x47" + bytes(18),              20, 0x8847),
)
# fmt: on


@pytest.mark.parametrize(("link_type", "header", "network", "protocol"), LINKS)
def test_link_types(tmp_path: Path, link_type: int, header: bytes, network: int, protocol: int) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap(link_type, header + b"\x45" + bytes(19)))
    (captured,) = read_capture(str(path))
    assert captured.packet == Packet(header + b"\x45" + bytes(19), network)
    assert captured.values["protocol"] == protocol
    for order in ORDERS:
        context, in_network_order = captured.context("skb", order), protocol.to_bytes(2, "big")
        assert context[16:20] == (in_network_order + bytes(2) if order == "little" else bytes(2) + in_network_order)
        assert int.from_bytes(context[:4], order) == captured.length == len(captured.contents) + 3


def test_a_context_has_room_for_every_field() -> None:
    for kind in FIELDS:
        assert len(Captured(bytes(14), 14, 1).context(kind, "little")) == size(kind)


# fmt: off
UNUSABLE = (
    (b"",                                "truncated dump file; tried to read 4 file header bytes, only got 0"),
    (b"no capture at all, but text\n",   "unknown file format"),
    (pcap(1),                            "the capture has no packets"),
    (pcap(1, bytes(60))[:-1],            "truncated dump file; tried to read 60 captured bytes, only got 59"),
    (pcap(105, bytes(60)),               "link type 105 is not known; there is 1, 12, 113, 228, 229, 276"),
)
# fmt: on


@pytest.mark.parametrize(("contents", "reason"), UNUSABLE)
def test_unusable_captures(tmp_path: Path, contents: bytes, reason: str) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(contents)
    with pytest.raises(ProgramError) as caught:
        read_capture(str(path))
    assert str(caught.value) == f"{path}: {reason}"


def test_a_filter_over_a_capture() -> None:
    expected = sum(one.contents[12:14] == b"\x08\x06" for one in read_capture(str(SAMPLE)))
    result = check(FILTERS / "arp.txt", "--packets", SAMPLE, *ONE_OF_EACH)
    lines = result.stdout.splitlines()
    assert result.exit_code == 0, result.output
    assert f"arp.txt accepts {expected} of 48 packets" in lines
    assert "AGREE         192" in lines
    document = json.loads(check(FILTERS / "arp.txt", "--packets", SAMPLE, *ONE_OF_EACH, "--json").stdout)
    returned = {"0": 48 - expected, "128": expected}
    assert {(one["version"], one["byte_order"]): one["returned"] for one in document["results"]} == {
        (loads, order): returned for loads in ("legacy", "direct") for order in ORDERS
    }


def test_an_answer_that_is_wrong_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The direct interpreter has the last word about what a filter returns."""
    monkeypatch.setattr("fuzz.sources.run_classic", lambda *arguments: 7)
    result = check(FILTERS / "arp.txt", "--packets", SAMPLE, "--config", "mips1-32be", "--jobs", "1")
    assert result.exit_code == 1
    assert "expected r0 = 0x7, got 0x0 (1 of 1 configurations)" in result.stdout


def test_other_programs_get_packets_too(tmp_path: Path) -> None:
    """What the packet instruction reads, and what the context says, is the same packet."""
    program = tmp_path / "length.s"
    program.write_text("r6 = r1; r7 = *(u32 *)(r6 + 0); r0 = *(u8 *)skb[0]; r0 = 0; if r7 < 100 goto +1; r0 = 1; exit\n")
    result = check(program, "--packets", SAMPLE, *ONE_OF_EACH)
    expected = sum(one.length >= 100 for one in read_capture(str(SAMPLE)))
    assert result.exit_code == 0, result.output
    assert f"length.s accepts {expected} of 48 packets" in result.stdout


def test_actions_of_an_xdp_program(tmp_path: Path) -> None:
    """A frame of less than 100 bytes is passed; what is sent is the program's length in the context, and what is refused is an access."""
    program = tmp_path / "xdp.s"
    program.write_text("r2 = *(u32 *)(r1 + 0); r3 = *(u32 *)(r1 + 4); r3 -= r2; r0 = 2; if r3 < 100 goto +1; r0 = 1; exit\n")
    short = sum(len(one.contents) < 100 for one in read_capture(str(SAMPLE)))
    result = check(program, "--packets", SAMPLE, "--context", "xdp", *ONE_OF_EACH)
    assert result.exit_code == 0, result.output
    assert f"xdp.s returns XDP_DROP for {48 - short}, XDP_PASS for {short} of 48 packets" in result.stdout
    program.write_text("r0 = *(u32 *)(r1 + 24); exit\n")
    result = check(program, "--packets", SAMPLE, "--context", "xdp", *ONE_OF_EACH)
    assert (result.exit_code, result.stderr) == (
        2,
        f"{program}: .text: instruction 0: 4 bytes at 24 of the context are no field, nor part of one\n",
    )


def test_refusals(tmp_path: Path) -> None:
    arp = FILTERS / "arp.txt"
    broken = tmp_path / "broken.txt"
    broken.write_text("1\n255 0 0 0\n")
    for arguments, message in (
        ((arp,), f"{arp}: a classic filter looks at packets: give a capture with --packets"),
        ((broken, "--packets", SAMPLE), f"{broken}: line 2: 0xff is no code of classic BPF"),
        ((arp, "--packets", tmp_path / "none"), f"{tmp_path / 'none'}: No such file or directory"),
        ((arp, "--packets", SAMPLE, "--mem", "00"), "bpfmips: --packets: the context of a packet is not for --mem to choose"),
        ((arp, "--context", "xdp"), "bpfmips: --context: it is for programs that are given --packets"),
        (
            (arp, "--packets", SAMPLE, "--context", "xdp"),
            f"{arp}: a classic filter looks at __sk_buff, which --context xdp does not change",
        ),
        (("--packets", SAMPLE), "bpfmips: --packets: the shipped programs have inputs of their own"),
    ):
        result = check(*arguments)
        assert (result.exit_code, result.stderr) == (2, message + "\n")


def test_a_directory_of_filters(tmp_path: Path) -> None:
    """Text that is no filter is passed over in a directory, and refused where it is named."""
    (tmp_path / "README.txt").write_text("not a filter\n")
    (tmp_path / "drop.txt").write_text("1\n6 0 0 0\n")
    result = check(tmp_path, "--packets", SAMPLE, "--config", "mips1-32be", "--jobs", "1")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "drop.txt accepts 0 of 48 packets" in result.stdout
    named = check(tmp_path / "README.txt", "--packets", SAMPLE)
    assert named.exit_code == 2
    assert "line 1: expected an element of an array" in named.stderr


def test_oracle_and_jit_show_programs_that_look_at_packets() -> None:
    """One packet of a capture for the oracle; the compiler's listing has the loads of pointers that the program was rewritten to."""

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(main, [*map(str, arguments)])

    arp, reflect = FILTERS / "arp.txt", FILTERS.parent / "packets" / "objects" / "xdp_reflect.v3.el.o"
    for number, captured in enumerate(read_capture(str(SAMPLE))[:6]):
        expected = "r0 = 128 (0x80)" if captured.contents[12:14] == b"\x08\x06" else "r0 = 0 (0x0)"
        for loads in ("legacy", "direct"):
            result = run("oracle", arp, "--section", loads, "--packets", SAMPLE, "--packet", number)
            assert result.stdout.splitlines()[0] == expected, result.output
    for arguments, message in (
        ((arp,), "bpfmips: a program that looks at packets needs one: give a capture with --packets"),
        ((arp, "--mem", "00"), "bpfmips: a program that looks at packets needs one: give a capture with --packets"),
        ((arp, "--packets", SAMPLE, "--mem", "00"), "bpfmips: --packets: the context of a packet is not for --mem to choose"),
        ((arp, "--packets", SAMPLE, "--packet", 48), f"bpfmips: --packet: {SAMPLE} has packets 0 to 47"),
    ):
        result = run("oracle", *arguments)
        assert (result.exit_code, result.stderr) == (2, message + "\n")
    listing = run("jit", reflect, "--context", "xdp", "--config", "mips64r2-64le").stdout
    assert "r2 = *(u64 *)(r1 + 8)" in listing
    assert "w2 = *(u32 *)(r1 + 4)" in run("jit", reflect, "--context", "xdp", "--config", "mips32r2-32le").stdout
