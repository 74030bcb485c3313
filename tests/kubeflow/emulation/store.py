"""An object store, which has keys with bytes but no folders."""

import os
import shutil
from pathlib import Path


class ObjectStore:
    """Buckets of any scheme, in a folder.

    As in objectstore.UploadBlob and DownloadBlob, a folder is only its files: an empty
    one is not uploaded, and a missing path is no error during an upload.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, uri: str) -> Path:
        """Returns the path of an object, or of the objects with this prefix."""
        scheme, _, key = uri.partition("://")
        return self._root / scheme / key

    def upload(self, local: Path, uri: str) -> None:
        for source in _files(local):
            target = self.path(uri) / source.relative_to(local)
            if source == local:
                target = self.path(uri)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)

    def download(self, uri: str, local: Path) -> None:
        root = self.path(uri)
        for source in _files(root):
            target = local if source == root else local / source.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [Path(folder, name) for folder, _, names in os.walk(path) for name in names]
