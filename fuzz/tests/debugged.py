"""A process that is debugged in a test: an image of the compiler with a seeded bug. Arguments: configuration, port, directory.

The program adds up the words of its context, and the carry of an addition is lost at the third one.
"""

import sys
from functools import partial
from pathlib import Path

from ebpf.assembler import assemble
from ebpf.program import ByteOrder
from fuzz.case import Input
from fuzz.findings.finding import Finding
from fuzz.qiling.debug import Address, serve, session, write_files
from fuzz.selftest.selftest import bugs
from jit.compiler import compile_program
from jit.config import Config

PROGRAM = """
    r0 = 0
    r3 = 4
next:
    r4 = *(u64 *)(r1 + 0)
    r0 += r4
    r1 += 8
    r3 += -1
    if r3 != 0 goto next
    exit
"""


def main() -> None:
    """Write the files, and serve."""
    config, port, directory = Config.parse(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    order: ByteOrder = "big" if config.big_endian else "little"
    memory = b"".join(value.to_bytes(8, order) for value in (1, 2, 0xFFFFFFFF, 5))
    finding = Finding("test", "test", "DIFFER", assemble(PROGRAM, "test"), (Input(memory),), str(config), (str(config),), ())
    bug = next(bug for bug in bugs() if bug.name == "add64-carry")
    found = session(finding, config, partial(compile_program, parts=bug.parts))
    address = Address("127.0.0.1", port)
    write_files(found, directory, address)
    serve(found, address, lambda: print("ready", flush=True))


if __name__ == "__main__":
    main()
