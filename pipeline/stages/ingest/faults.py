"""What stops a record, or a whole file, from being read."""

from schemas.errors import KoInstructError


class Fault(KoInstructError):
    """Why a record cannot be read: `reason` is a short name, `detail` a sentence: what is wrong, and where."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class FileFault(KoInstructError):
    """Why a file is not read on: what a record says must not be passed over, and rejecting it would hide it."""
