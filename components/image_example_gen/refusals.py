"""Explains why files cannot be read, and what the user can do."""

from collections.abc import Sequence

from components.image_example_gen import roles
from components.image_example_gen.files import File
from contract.errors import BadInputError

_PICKLED = "a pickle, which can run any program as it is read and is never opened"
_ADVICE = (
    (
        (".pkl", ".pickle", ".pt", ".pth", ".joblib"),
        f"{_PICKLED}: save the arrays as an npz",
    ),
    (
        (".heic", ".heif", ".avif", ".jp2", ".tga", ".ico", ".svg", ".dcm", ".psd"),
        "pictures of a kind that is not read: convert them to PNG or JPEG",
    ),
    (
        (".7z", ".rar", ".zst", ".lz4"),
        "an archive of a kind that is not read: unpack it",
    ),
    (
        (".xlsx", ".xls", ".ods", ".sqlite", ".db"),
        "a table of a kind that is not read: save it as CSV",
    ),
    ((".bin", ".dat", ".raw"), "bytes of no known form: save the arrays as an npz"),
)
_PICKLES = tuple(bytes((0x80, protocol)) for protocol in range(2, 6))
_LOOKED_AT = 20


def refusal(path: str, files: Sequence[File], expected: str) -> BadInputError:
    """Returns the error for files of which none can be read."""
    for file in files[:_LOOKED_AT]:
        for endings, advice in _ADVICE:
            if file.suffix in endings:
                return BadInputError(f"{file}: {expected}, found {advice}")
        with file.open() as stream:
            if stream.read(2) in _PICKLES:
                return BadInputError(
                    f"{file}: {expected}, found {_PICKLED}: save the arrays as an npz; "
                    "CIFAR has a binary version, without pickles"
                )
    alone = [file.path for file in files] == [path] and not files[0].member
    found = "a file of another kind" if alone else roles.names_text(files)
    return BadInputError(f"{path}: {expected}, found {found}")
