"""The tripwire for native frames of the wrong size, where nothing was overwritten because nobody happened to write there.

too deep    the lowest stack pointer that the image's own adjustments can lead to lies outside of the stack that there is
too small   a part of the eBPF stack lies below the stack pointer, where an interrupt between any two instructions overwrites it
"""

from collections.abc import Iterator

from fuzz.layout import Placement
from fuzz.recording.native_text import FRAME
from fuzz.verdict import Trip
from fuzz.wires.flow import adjustments
from fuzz.wires.memory import lowest_stack_pointer
from fuzz.wires.wire import Example, Wire
from jit.compiled import Compiled

NAME = "frame"


def main_frame(compiled: Compiled) -> int:
    """Bytes by which the main program, whose code comes first, lowers the stack pointer."""
    return max(0, -next(adjustments(compiled), 0))


def _room(compiled: Compiled, placement: Placement) -> tuple[int, int]:
    """How many bytes there are for all frames, and how many the main program needs at least."""
    room = placement.world.frame_pointer + compiled.frame_pointer - placement.segments[-1].address
    return room, compiled.frame_pointer + compiled.stack_size


def is_wrong(compiled: Compiled, placement: Placement, own: int, deepest: int) -> bool:
    """Whether a main program that lowers the stack pointer by `own` bytes, in an image that does so by `deepest`, is against the rule."""
    room, needed = _room(compiled, placement)
    return deepest > room or own < needed


def code(compiled: Compiled, placement: Placement) -> Iterator[Trip]:
    """The frames that the words set up, in the stack that there is."""
    (room, needed), deepest, own = _room(compiled, placement), lowest_stack_pointer(compiled), main_frame(compiled)
    if deepest > room:
        yield Trip(NAME, None, None, f"frames of {deepest} bytes in a stack of {room}")
    if own < needed:
        yield Trip(NAME, None, None, f"a frame of {own} bytes with an eBPF stack that begins {needed} bytes below the stack pointer at entry")


# fmt: off
WIRE = Wire(
    name=NAME,
    rule="The frames of an image fit into the stack, and the eBPF stack fits into the frame of the main program.",
    source="MIPS ABI supplement of System V, third edition, chapter 3: the stack frame; `fuzz.layout`",
    code=code,
    doubt=FRAME,
    # The examples have 64 bytes between the stack pointer at entry and r10, and an eBPF stack of 512 bytes.
    examples=(
        Example("mips32r2-32be", "addiu $sp, $sp, -576; addiu $sp, $sp, 576",                                    trips=False),
        Example("mips32r2-32be", "addiu $sp, $sp, -568; addiu $sp, $sp, 568",                                    trips=True),
        Example("mips64r6-64le", "daddiu $sp, $sp, -640; daddiu $sp, $sp, 640",                                  trips=False),
        Example("mips64r6-64le", "nop",                                                                          trips=True),
        Example("mips3-64be",    "daddiu $sp, $sp, -11344; daddiu $sp, $sp, 11344",                              trips=True),
        Example("mips3-64be",    "daddiu $sp, $sp, -11328; daddiu $sp, $sp, 11328",                              trips=False),
    ),
)
# fmt: on
