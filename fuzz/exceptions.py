"""Exceptions as text."""


def named(error: BaseException) -> str:
    """Type and message in one line; the type alone where there is no message, as of MemoryError."""
    message = " ".join(str(error).split())
    return f"{type(error).__name__}{': ' + message if message else ''}"
