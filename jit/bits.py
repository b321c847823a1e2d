"""Facts about constants."""


def field(mask: int) -> tuple[int, int] | None:
    """(position, size) of a mask of contiguous ones, None for any other value."""
    if mask <= 0:
        return None
    position = (mask & -mask).bit_length() - 1
    size = mask.bit_length() - position
    return (position, size) if mask == ((1 << size) - 1) << position else None


def power_of_two(value: int) -> int | None:
    """The exponent of a positive power of two, None for any other value."""
    return value.bit_length() - 1 if value > 0 and value & (value - 1) == 0 else None


def narrow(value: int, size: int) -> int:
    """The low `size` bytes of a value as a signed number: what a store of that size writes is the same, and it may be shorter to load."""
    sign = 1 << (8 * size - 1)
    return ((value & (2 * sign - 1)) ^ sign) - sign
