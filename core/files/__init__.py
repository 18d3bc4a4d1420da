"""Files of people: told by their content and by nothing their sender says, kept where nobody gets at them but through us.

A module says which types it takes; what hides behind a picture's pixels is gone once it is made anew.
"""

from core.files.exceptions import FileRefused
from core.files.keeping import Checked, read, remove, storage, store
from core.files.kinds import UNKNOWN_TYPE, FileKind, kind_of, sniff
from core.files.names import MAX_NAME, safe_name
from core.files.pictures import Picture, remake, thumbnail

__all__ = [
    "MAX_NAME",
    "UNKNOWN_TYPE",
    "Checked",
    "FileKind",
    "FileRefused",
    "Picture",
    "kind_of",
    "read",
    "remake",
    "remove",
    "safe_name",
    "sniff",
    "storage",
    "store",
    "thumbnail",
]
