"""Why a file is not taken."""


class FileRefused(Exception):
    """A file that is not taken: `code` is stable, the message is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
