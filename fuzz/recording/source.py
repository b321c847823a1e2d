"""A number made from the text of what numba compiles here.

Numba looks at the file of a compiled function to see whether what it has in its cache is still right, but not at the files of the functions that are
called there, nor at constants that come from elsewhere. A function that Python calls refers to this number; numba makes it a part of what it looks
for in the cache. What only compiled code calls is not cached by itself (`fuzz.model.bits.native`).
"""

from hashlib import blake2b
from pathlib import Path

from ebpf.instruction import REGISTERS
from fuzz import abi, layout
from jit.mips import HI, LO

_HERE = Path(__file__).parent
_MODEL = _HERE.parent / "model"
_PLAIN = ("target.py", "prove.py", "proof_image.py", "reference.py")
"""Files of the model of which nothing is compiled."""
_FILES = (*(path for path in sorted(_MODEL.glob("*.py")) if path.name not in _PLAIN), *sorted(_HERE.glob("native_*.py")))
_CONSTANTS = (REGISTERS, abi.REGISTERS, abi.PRESERVED, abi.V0, abi.RA, abi.SP, HI, LO, layout.STACK_SIZE, layout.AREA_SIZE)
"""Of other files that change for other reasons."""

SOURCE = int.from_bytes(blake2b(b"".join(path.read_bytes() for path in _FILES) + repr(_CONSTANTS).encode(), digest_size=7).digest(), "big")
"""Of 56 bits."""
