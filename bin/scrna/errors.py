"""What a step says when its input or its options are at fault."""


class InputError(Exception):
    """The user's data or options are at fault: what is wrong, and what to do, in one sentence or two.

    `file` names the file at fault where that is not the step's input.
    """

    def __init__(self, message: str, file: str | None = None) -> None:
        super().__init__(message)
        self.file = file


class WriteError(InputError):
    """A result could not be written, as on a full disk.

    HDF5 still has in memory what it could not write. Later it tries again, and a process that ends as usual
    crashes: after the message it must leave at once.
    """
