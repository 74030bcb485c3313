"""Lists the versions of models, with their manifests and their state.

`models` is the folder with the versions of every model name. `whole` selects only
versions that a server could load.
"""

import logging
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from contract.errors import BadInputError
from version_store import versions
from version_store.decisions import Decision, against, read_decisions
from version_store.digests import weights_digest
from version_store.manifest import Manifest, ManifestError, read_manifest
from version_store.serving_config import serving_of


@dataclass(frozen=True)
class Version:
    """A version on disk.

    Attributes:
        model: Name of the model.
        number: Number of the version.
        path: Folder of the version.
        served: Whether a server loads it; see `serving_config.serving`.
        held_back: The decision against serving its model; None if it may be served.
        manifest: Its manifest; None if it has none, or one that cannot be read.
        problem: Why the manifest cannot be read; empty if it can, or if there is none.
        labels: The labels by which callers ask for it, such as `stable`.
    """

    model: str
    number: int
    path: str
    served: bool
    manifest: Manifest | None
    problem: str = ""
    held_back: Decision | None = None
    labels: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """The state of the version, for the user."""
        if self.served:
            return " ".join(("served", *self.labels))
        return self.held_back.what if self.held_back else "kept"

    @property
    def model_of(self) -> int:
        """The version as which this version's model was first pushed."""
        back = self.manifest.rolled_back if self.manifest else None
        return back.of if back else self.number


def identity(manifest: Manifest) -> tuple[str, str, str]:
    """Returns the digests of a version's model, of its variables and of its recipe.

    A model that was trained again has another digest, but equal variables.
    """
    variables = weights_digest(manifest.files or {})
    return manifest.model_digest or "", variables, manifest.recipe or ""


def list_models(models: str, *, whole: bool = True) -> list[str]:
    """Returns the names of the models that have a version.

    Raises:
        BadInputError: There is no such folder.
    """
    try:
        names = sorted(os.listdir(models))
    except OSError as error:
        raise BadInputError(
            f"{models}: expected a folder with pushed models, found: {error.strerror}"
        ) from error
    return [name for name in names if _has_versions(os.path.join(models, name), whole)]


def _has_versions(base: str, whole: bool) -> bool:
    """Tells whether a folder has versions; without read permission it has none.

    An example is `lost+found`, at the top of a volume.
    """
    try:
        return bool(versions.list_versions(base, whole=whole))
    except PermissionError as error:
        if os.path.basename(base) != "lost+found":
            logging.warning("%s: left out: %s", base, error.strerror)
        return False


def list_versions(
    models: str, model: str, config: str | None = None, *, whole: bool = True
) -> list[Version]:
    """Returns a model's versions, highest first.

    `config` is the server's configuration, if it is not the one beside the models.

    Raises:
        BadInputError: The configuration or the decisions cannot be read.
    """
    base = os.path.join(models, model)
    numbers = versions.list_versions(base, whole=whole)
    now = serving_of(base, numbers, config)
    decisions = read_decisions(base)
    found = []
    for number in reversed(numbers):
        path = versions.version_path(base, number)
        try:
            manifest, problem = read_manifest(path), ""
        except ManifestError as error:
            manifest, problem = None, str(error)
        found.append(
            Version(
                model,
                number,
                path,
                number in now.versions,
                manifest,
                problem,
                against(decisions, *identity(manifest)) if manifest else None,
                now.labels_of(number),
            )
        )
    return found


def all_versions(
    models: str, config: str | None = None, *, whole: bool = True
) -> list[Version]:
    """Returns the versions of all models, highest first; see `list_versions`."""
    found = [
        version
        for name in list_models(models, whole=whole)
        for version in list_versions(models, name, config, whole=whole)
    ]
    return sorted(found, key=lambda version: -version.number)


def find_model(
    models: str, name: str | None, version: int | None = None, *, whole: bool = True
) -> str:
    """Returns the name of the model that a command is about.

    Without a name it is the model that has the version, or the only model.

    Raises:
        BadInputError: There is no such model, or more than one.
    """
    names = list_models(models, whole=whole)
    if name is not None:
        if name not in names:
            raise BadInputError(
                f"--model {name}: expected a model under {models}, found "
                f"{', '.join(names) or 'none'}"
            )
        return name
    fitting = [
        one
        for one in names
        if version is None
        or version in versions.list_versions(os.path.join(models, one), whole=whole)
    ]
    if len(fitting) == 1:
        return fitting[0]
    if not names:
        raise BadInputError(f"{models}: expected a pushed model, found none")
    if not fitting:
        raise BadInputError(f"version {version}: expected one under {models}")
    raise several_models(fitting)


def several_models(names: Sequence[str]) -> BadInputError:
    """Returns the error of a command that has to be told which of several models."""
    return BadInputError(
        f"--model: expected the name of a model, as there are {', '.join(names)}: "
        f"add --model {shlex.quote(names[0])} to the command, or another of them"
    )


def find_version(found: list[Version], number: int) -> Version:
    """Returns the version with a number.

    Raises:
        BadInputError: There is none.
    """
    for version in found:
        if version.number == number:
            return version
    there = ", ".join(str(version.number) for version in found) or "none"
    raise BadInputError(
        f"version {number}: expected an existing version, found {there}"
    )
