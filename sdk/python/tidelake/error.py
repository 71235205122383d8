"""Errors that reach the operator word for word."""

KINDS = (
    "invalid-input",
    "unsupported",
    "not-found",
    "already-exists",
    "precondition",
    "denied",
    "exhausted",
    "transient",
    "internal",
)


class Error(Exception):
    """Say what failed, on which column or option, and what to do.

    `kind` is one of `KINDS`, named after what the caller can do about it; anything
    that is not an `Error` reaches the operator as `internal`.
    """

    def __init__(self, message: str, kind: str = "invalid-input"):
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no kind of error; there are {', '.join(KINDS)}")
        super().__init__(message)
        self.message = message
        self.kind = kind

    @classmethod
    def option(cls, name: str, message: str) -> "Error":
        """An error in one option of the configuration."""
        return cls(f"option `{name}`: {message}")

    @classmethod
    def column(cls, name: str, message: str) -> "Error":
        """An error in one column of the data."""
        return cls(f"column `{name}`: {message}")

    @classmethod
    def unsupported(cls, message: str) -> "Error":
        """Correct, but this plugin cannot do it."""
        return cls(message, "unsupported")

    @classmethod
    def internal(cls, message: str) -> "Error":
        """A defect in the plugin or in the host."""
        return cls(message, "internal")
