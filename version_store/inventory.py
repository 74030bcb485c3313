"""Which versions there are, and what each says of itself."""

import os
from dataclasses import dataclass

from contract.errors import BadInputError
from version_store import versions
from version_store.manifest import Manifest, ManifestError, read_manifest


@dataclass(frozen=True)
class Version:
    """A version on disk.

    Attributes:
        model: Name of the model.
        number: Of the version.
        path: Its folder.
        served: Whether it is the highest, which a server takes.
        manifest: What it says of itself; None if it does not, or not readably.
        problem: Why the manifest cannot be read; empty if it can, or is none.
    """

    model: str
    number: int
    path: str
    served: bool
    manifest: Manifest | None
    problem: str = ""

    @property
    def model_of(self) -> int:
        """The version that this one's model was first pushed as."""
        back = self.manifest.rolled_back if self.manifest else None
        return back.of if back else self.number

    def size(self) -> int:
        """Returns the bytes of all its files."""
        return sum(
            os.lstat(os.path.join(root, name)).st_size
            for root, _, files in os.walk(self.path)
            for name in files
        )


def list_models(models: str) -> list[str]:
    """Returns the names of the models that have a version.

    Args:
        models: The folder with the versions of every model name.

    Raises:
        BadInputError: There is no such folder.
    """
    try:
        names = sorted(os.listdir(models))
    except OSError as error:
        raise BadInputError(
            f"{models}: expected a folder with pushed models, found: {error.strerror}"
        ) from error
    return [
        name for name in names if versions.list_versions(os.path.join(models, name))
    ]


def list_versions(models: str, model: str) -> list[Version]:
    """Returns a model's versions, highest first."""
    base = os.path.join(models, model)
    numbers = versions.list_versions(base)
    return [
        _version(model, number, versions.version_path(base, number), numbers[-1])
        for number in reversed(numbers)
    ]


def all_versions(models: str) -> list[Version]:
    """Returns the versions of all models, highest first."""
    found = [v for name in list_models(models) for v in list_versions(models, name)]
    return sorted(found, key=lambda version: -version.number)


def find_model(models: str, name: str | None, version: int | None = None) -> str:
    """Returns the name of the model that is meant.

    Args:
        models: The folder with the versions of every model name.
        name: As given; None for the one that has the version, or the only one.
        version: As given.

    Raises:
        BadInputError: There is no such, or more than one.
    """
    names = list_models(models)
    if name is not None:
        if name not in names:
            raise BadInputError(
                f"--name {name}: expected a model under {models}, found "
                f"{', '.join(names) or 'none'}"
            )
        return name
    fitting = [
        one
        for one in names
        if version is None
        or version in versions.list_versions(os.path.join(models, one))
    ]
    if len(fitting) == 1:
        return fitting[0]
    if not names:
        raise BadInputError(f"{models}: expected a pushed model, found none")
    if not fitting:
        raise BadInputError(f"version {version}: expected one under {models}")
    raise BadInputError(f"--name: expected one of {', '.join(fitting)}")


def find_version(found: list[Version], number: int) -> Version:
    """Returns the version with a number.

    Raises:
        BadInputError: There is none.
    """
    for version in found:
        if version.number == number:
            return version
    there = ", ".join(str(version.number) for version in found) or "none"
    raise BadInputError(f"version {number}: expected one that is there, found {there}")


def _version(model: str, number: int, path: str, served: int) -> Version:
    try:
        manifest, problem = read_manifest(path), ""
    except ManifestError as error:
        manifest, problem = None, str(error)
    return Version(model, number, path, number == served, manifest, problem)
