"""What an object takes from the kernel (section `.ksyms`): functions and variables that it declares and does not define, with the types of its BTF.

They get BTF ids in the order in which the program refers to them. A kernel's variables hold what the kernel has put there; here the name says what it
is, so that it is the same in every run and on both byte orders.
"""

import struct
from collections.abc import Callable
from hashlib import shake_128
from typing import TypeVar

from ebpf import btf
from ebpf.elf_object import Object
from ebpf.kernel import KernelFunction, KernelVariable

_T = TypeVar("_T")

FIRST_FUNCTION, FIRST_VARIABLE = 1000, 2000
"""The first BTF ids of each kind."""


def kernel_function(contents: Object, name: str, number: int) -> KernelFunction:
    """The function of that name, with that BTF id. Raises ValueError when BTF does not say its signature, or says one that it cannot have here."""
    signature = _ask(contents, f"kernel function {name}", lambda types: types.signature(name))
    if signature is None:
        raise ValueError(f"function {name!r} is not defined in the object, nor declared in .ksyms with BTF")
    return KernelFunction(name, number, *signature)


def kernel_variable(contents: Object, name: str, number: int) -> KernelVariable:
    """The same for a variable."""
    size = _ask(contents, f"variable {name}", lambda types: types.variable_size(name))
    if size is None:
        raise ValueError(f"{name!r} is not defined in the object, nor declared in .ksyms with BTF")
    return KernelVariable(name, number, shake_128(name.encode()).digest(size))


def _ask(contents: Object, what: str, question: Callable[[btf.Types], _T | None]) -> _T | None:
    data = next((section.data for section in contents.sections.values() if section.name == ".BTF"), None)
    if data is None:
        return None
    try:
        return question(btf.read(data, contents.byte_order))
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"damaged BTF: {error}") from None
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None
