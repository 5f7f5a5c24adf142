"""Why a file cannot be read or written, in the language that is spoken: loaded when that happens, never before."""

from __future__ import annotations

import errno

from ._language import said

REASONS = {
    errno.EACCES: "Permission denied",
    errno.EPERM: "Operation not permitted",
    errno.ENOENT: "No such file or directory",
    errno.EISDIR: "Is a directory",
    errno.ENOTDIR: "Not a directory",
    errno.ENOSPC: "No space left on device",
    errno.EROFS: "Read-only file system",
    errno.ENAMETOOLONG: "File name too long",
}
"""What the system says of the commonest errors; of all others its own words are told."""


def reason(error: OSError) -> str:
    """Why something went wrong with a file.

    >>> reason(OSError(errno.EISDIR, "Is a directory", "runs"))
    'Is a directory'
    """
    told = error.strerror or str(error)
    return said(told) if told in REASONS.values() else told
