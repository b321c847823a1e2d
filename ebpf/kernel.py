"""What a program may refer to in the kernel by numbers of its type information (BTF): functions and variables.

A kernel resolves such a number; here the program itself says what is behind it: the signature of a function, the contents of a variable.
"""

from dataclasses import dataclass

INTEGERS = ("u8", "s8", "u16", "s16", "u32", "s32", "u64", "s64")
"""Types of integers: signedness and bits."""

POINTER = "pointer"
"""The type of an address, as wide as those of the machine."""

MAXIMUM_ARGUMENTS = 5


def _check(what: str, name: str, number: int) -> None:
    if not name:
        raise ValueError(f"a {what} without a name")
    if not 0 < number < 1 << 31:
        raise ValueError(f"{what} {name}: {number} is no BTF id: 1 to 2^31 - 1")


@dataclass(frozen=True, slots=True)
class KernelFunction:
    """A function, its BTF id, the types of its result (an integer) and of up to five arguments. Raises ValueError for others."""

    name: str
    number: int
    result: str
    arguments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check("kernel function", self.name, self.number)
        if self.result not in INTEGERS:
            raise ValueError(f"kernel function {self.name}: result of type {self.result!r}; there is {', '.join(INTEGERS)}")
        for kind in self.arguments:
            if kind not in (*INTEGERS, POINTER):
                raise ValueError(f"kernel function {self.name}: argument of type {kind!r}; there is {', '.join((*INTEGERS, POINTER))}")
        if len(self.arguments) > MAXIMUM_ARGUMENTS:
            raise ValueError(f"kernel function {self.name}: {len(self.arguments)} arguments, more than {MAXIMUM_ARGUMENTS}")


@dataclass(frozen=True, slots=True)
class KernelVariable:
    """A variable, its BTF id, and the bytes that it holds. Programs only read it. Raises ValueError for one without bytes."""

    name: str
    number: int
    contents: bytes

    def __post_init__(self) -> None:
        _check("variable", self.name, self.number)
        if not self.contents:
            raise ValueError(f"variable {self.name} has no bytes")
