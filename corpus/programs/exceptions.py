"""Reverse Polish notation with Python integers and a list; a fault is an exception here as well."""

from ebpf.program import ByteOrder

MASK = 2**64 - 1
UNDERFLOW, OVERFLOW, DIVISION, UNKNOWN, REST = range(1, 6)
OPERATIONS = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": lambda left, right: left // right,
}
TEXTS = ("12+", "34*5-", "99*9*9*9*9*9*9*9*", "05-", "05-2/", "12345678" + "+" * 7, "", "+", "1+", "123456789", "10/", "12x", "12", "123+", "700/+")


class CalculatorError(Exception):
    """Kind of the fault."""


def calculate(text: str) -> tuple[int, int]:
    """r0, and how many operations were done."""
    stack: list[int] = []
    at = 8

    def pop() -> int:
        if not stack:
            raise CalculatorError(UNDERFLOW)
        return stack.pop()

    def push(value: int) -> None:
        if len(stack) == 8:
            raise CalculatorError(OVERFLOW)
        stack.append(value & MASK)

    try:
        for character in text:
            if character.isdigit():
                push(int(character))
            else:
                right, left = pop(), pop()
                if character not in OPERATIONS:
                    raise CalculatorError(UNKNOWN)
                if character == "/" and right == 0:
                    raise CalculatorError(DIVISION)
                push(OPERATIONS[character](left, right))
            at += 1
        result = pop()
        if stack:
            raise CalculatorError(REST)
    except CalculatorError as fault:
        return at * 2**32 + fault.args[0] ^ MASK, at - 8
    return result, at - 8


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    results = [(b"1234567", 0, b"1234567")]
    for text in TEXTS:
        r0, done = calculate(text)
        results.append((b"\xff" * 8 + text.encode(), r0, done.to_bytes(8, byte_order) + text.encode()))
    return results
