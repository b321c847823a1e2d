"""An image, the functions that it may call and the page to which it returns as a static executable."""

import struct

from fuzz.layout import FUNCTION_SIZE, FUNCTIONS, PAGE, Layout
from fuzz.qemu.elf import Segment
from fuzz.qemu.elf import executable as elf
from jit.compiled import Compiled
from jit.image import elf_flags

BREAK, RETURN = 0x0000000D, 0x03E00009
"""`jalr zero, ra`, which is `jr ra` on every ISA."""


def executable(compiled: Compiled, layout: Layout) -> bytes:
    """The file. Around everything is `break`."""
    config = compiled.config
    order = ">" if config.big_endian else "<"
    empty = struct.pack(f"{order}I", BREAK)
    start = compiled.base // PAGE * PAGE
    end = -(-(compiled.base + 4 * len(compiled.words)) // PAGE) * PAGE + PAGE
    image = empty * ((compiled.base - start) // 4) + compiled.image()
    function = (struct.pack(f"{order}2I", RETURN, 0) + empty * 2)[:FUNCTION_SIZE]
    functions = function * len(FUNCTIONS)
    segments = [
        Segment(start, image + empty * ((end - start - len(image)) // 4)),
        Segment(layout.return_page, empty * (PAGE // 4)),
        Segment(layout.functions, functions + empty * ((PAGE - len(functions)) // 4)),
    ]
    return elf(sorted(segments), compiled.base, elf_flags(config), big_endian=config.big_endian, wide=False)
