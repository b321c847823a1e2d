"""A number made from the text of what this package compiles.

Numba looks at the file of a compiled function to see whether what it has in its cache is still right, but not at the files of the functions that are
called there. A compiled function of this package refers to this number; numba makes it a part of what it looks for in the cache.
"""

from hashlib import blake2b
from pathlib import Path

_HERE = Path(__file__).parent
_FILES = (*sorted(_HERE.glob("*.py")), _HERE.parent / "native_record.py", _HERE.parent / "native_screen.py")

SOURCE = int.from_bytes(blake2b(b"".join(path.read_bytes() for path in _FILES), digest_size=7).digest(), "big")
"""Of 56 bits."""
