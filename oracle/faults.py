"""How an operation of the oracle ends a run."""

from oracle.outcome import FaultKind


class FaultError(Exception):
    """Raised by an operation that cannot be completed, before it has changed anything; the interpreter adds the slot.

    `address` and `size` (bytes) say what was accessed, where memory was.
    """

    def __init__(self, kind: FaultKind, address: int | None = None, size: int = 0, detail: str = "") -> None:
        super().__init__(kind, address, size, detail)
        self.kind = kind
        self.address = address
        self.size = size
        self.detail = detail
