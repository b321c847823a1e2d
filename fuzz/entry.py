"""The state in which a target calls an image: as the kernel calls it, with noise in all that the image must not depend on."""

from fuzz.abi import A0, A1, RA, SP, sign_extended
from fuzz.calls import noise
from fuzz.layout import Placement


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
