"""What files are called."""

MAX_NAME = 120
_EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/gif": "gif",
    "image/webp": "webp",
    "video/mp4": "mp4",
    "video/3gpp": "3gp",
    "audio/ogg": "ogg",
    "audio/mpeg": "mp3",
    "audio/amr": "amr",
    "audio/aac": "aac",
    "audio/mp4": "m4a",
    "application/pdf": "pdf",
    "application/zip": "zip",
    "text/plain": "txt",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
}


def extension_of(mime_type: str) -> str:
    """The ending of files of a type; `bin` of one we do not know."""
    return _EXTENSIONS.get(mime_type, "bin")


def safe_name(given: str, mime_type: str) -> str:
    """A name that fits the content: no path, no control characters, our ending, at most MAX_NAME long."""
    base = given.replace("\\", "/").rpartition("/")[2]
    base = "".join(char for char in base if char.isprintable() and char not in '<>:"|?*').strip(" .")
    stem = base.rpartition(".")[0] or base or "file"
    extension = extension_of(mime_type)
    return f"{stem[: MAX_NAME - len(extension) - 1]}.{extension}"
