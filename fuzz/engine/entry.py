"""The state in which a target calls an image: as the kernel calls it, with noise in all that the image must not depend on."""

from fuzz.abi import A0, A1, HOME_AREA, RA, SP, STACK_ALIGNMENT, sign_extended
from fuzz.engine.target import NoRoomError
from fuzz.environment.calls import noise
from fuzz.layout import IMAGE_SIZE, Placement
from jit.compiled import Compiled

INSTRUCTIONS_PER_SLOT = 100
"""An image may execute so many instructions for each eBPF instruction that the oracle may."""


def instruction_limit(placement: Placement) -> int:
    """How many MIPS instructions a run may execute."""
    return INSTRUCTIONS_PER_SLOT * placement.instruction_limit


def check(compiled: Compiled, placement: Placement) -> None:
    """Raise ValueError for an image that was compiled for other addresses or breaks the ABI, and NoRoomError for one that is too long."""
    layout, alignment = placement.layout, STACK_ALIGNMENT[compiled.config.width]
    if compiled.base != layout.image:
        raise ValueError(f"the image was compiled for address {compiled.base:#x}, not {layout.image:#x}")
    if 4 * len(compiled.words) > IMAGE_SIZE:
        raise NoRoomError(f"an image of {4 * len(compiled.words)} bytes; there is room for {IMAGE_SIZE} bytes")
    stack = placement.segments[-1]
    sp = placement.world.frame_pointer + compiled.frame_pointer
    if sp % alignment or not 0 <= sp - stack.address <= len(stack.initial) - HOME_AREA:
        raise ValueError(f"the stack pointer at entry would be {sp:#x}: not a multiple of {alignment}, or outside the stack")


def entry_registers(placement: Placement, top: int) -> list[int]:
    """What the general registers, HI and LO hold when an image is called whose stack pointer at entry is `top` bytes above r10.

    Arguments, stack pointer, return address; in all others values that `Placement.fill` chooses. Unsigned 64-bit integers.
    """
    world = placement.world
    values = list(noise(world.address_width, placement.fill, 0))
    values[0] = 0
    pointer = sign_extended if world.address_width == 32 else int
    values[A0], values[A1] = map(pointer, world.arguments)
    values[SP] = pointer(world.frame_pointer + top)
    values[RA] = placement.layout.return_page
    return values
