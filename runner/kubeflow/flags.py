"""The flags that several commands share, and the checks of their combinations."""

import os
import re
from dataclasses import dataclass
from typing import Any

import click

from components.image_example_gen.digits import NAME as DIGITS
from components.image_example_gen.mnist import NAME as MNIST
from components.image_example_gen.understanding import name_of
from contract.errors import BadInputError
from contract.options import CONFIG, Command, ModelOption, any_setting
from pipeline.config import Config, load_config
from pipeline.data_settings import MODEL_NAME_PATTERN
from runner.datasets import DIGITS_BOUNDS
from runner.kubeflow import places
from runner.kubeflow.connection import HOST_VARIABLE, TOKEN_VARIABLE
from runner.kubeflow.deployment import LOG_FOLDER, Deployment, on_cluster
from runner.kubeflow.entrypoint.contract import is_remote

IMAGE = "mnist-tfx-pipeline:0.1.0"

_LONGEST_NAME = 58
"""Longest name of a pipeline: KFP adds a dash and five characters to make the name of
its workflow, and that name is also a label (63 characters at most)."""


def _all(*options: Command) -> Command:
    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


_SETTINGS = (
    CONFIG,
    any_setting("Change any setting of the configuration; may be repeated."),
    click.option("--image", help=f"The project's image. [{IMAGE}]"),
    click.option(
        "--models-volume",
        help=f"PersistentVolumeClaim for the models. [{Deployment.models_volume}]",
    ),
    click.option(
        "--log-volume",
        help=f"PersistentVolumeClaim with request logs. [{Deployment.log_volume}]",
    ),
)

compiling = _all(
    click.option(
        "--data", metavar="WHERE", help=f"Data to train on: {places.PLACES}. [mnist]"
    ),
    click.option(
        "--model",
        "name",
        cls=ModelOption,
        help="Name of the model and of the pipeline. [made from the name of the data]",
    ),
    *_SETTINGS,
    click.option(
        "--data-volume",
        help="PersistentVolumeClaim with the data, mounted at /data. "
        f"[{Deployment.data_volume}]",
    ),
    click.option(
        "--beam-volume",
        help=f"PersistentVolumeClaim shared with Flink. [{Deployment.beam_volume}]",
    ),
    click.option(
        "--data-secret",
        metavar="NAME",
        help="Kubernetes Secret with AWS_... credentials, for data in another store.",
    ),
    click.option(
        "--fingerprint",
        metavar="SHA256",
        help="Fingerprint of the data's content, so that KFP can reuse results.",
    ),
    click.option(
        "--fingerprint-of",
        metavar="PATH",
        help="Local copy of the data, to compute the fingerprint from.",
    ),
)

connecting = _all(
    click.option(
        "--host",
        envvar=HOST_VARIABLE,
        show_envvar=True,
        help="Address of Kubeflow Pipelines.",
    ),
    click.option("--namespace", help="Your namespace, if Kubeflow has profiles."),
    click.option(
        "--token", envvar=TOKEN_VARIABLE, show_envvar=True, help="Bearer token."
    ),
    click.option(
        "--token-file",
        metavar="FILE",
        help="File with the bearer token. [the one that is mounted into a notebook of "
        "Kubeflow]",
    ),
    click.option(
        "--ca-cert", metavar="FILE", help="PEM file with certificates to trust."
    ),
)

monitored = _all(
    click.option(
        "--model",
        "name",
        cls=ModelOption,
        required=True,
        help="Name of the model to monitor.",
    ),
    click.option(
        "--log",
        required=True,
        metavar="PATH",
        help="Path prefix or folder of the logged requests, below /requests.",
    ),
    *_SETTINGS,
)

package_file = click.option(
    "--package", "package_path", metavar="FILE", help="Compiled pipeline to use."
)

pipeline_root = click.option(
    "--pipeline-root", metavar="URI", help="URI for the artifacts. [the cluster's]"
)

starting = _all(
    pipeline_root,
    click.option(
        "--experiment",
        default="Default",
        show_default=True,
        help="Experiment of the run.",
    ),
    click.option(
        "--service-account", help="Service account of the pods. [the cluster's]"
    ),
    click.option(
        "--no-cache",
        is_flag=True,
        help="Run every node again; reuse no earlier results.",
    ),
    click.option(
        "-p",
        "--param",
        "parameters",
        multiple=True,
        metavar="NAME=VALUE",
        help="Set a run-time parameter; may be repeated.",
    ),
)


@dataclass(frozen=True)
class Recipe:
    """The arguments of `compile_pipeline`."""

    config: Config
    deployment: Deployment
    name: str
    data: str
    fingerprint: str


def recipe(
    *,
    data: str | None = None,
    name: str | None = None,
    config_path: str | None = None,
    settings: tuple[str, ...] = (),
    image: str | None = None,
    models_volume: str | None = None,
    data_volume: str | None = None,
    beam_volume: str | None = None,
    log_volume: str | None = None,
    data_secret: str | None = None,
    pipeline_root: str | None = None,
    fingerprint: str | None = None,
    fingerprint_of: str | None = None,
) -> Recipe:
    """Checks the flags; returns the arguments for the compiler.

    Raises:
        BadInputError: A flag's value cannot be used.
    """
    config = load_config(config_path, settings)
    data = data or config.data.path
    if data is None:
        data = DIGITS if config.data.dataset == DIGITS else MNIST
    kind = places.kind(data)
    if data == DIGITS:
        config = config.with_gate_defaults(**DIGITS_BOUNDS)
    check_root(pipeline_root)
    deployment = Deployment(
        image=_image(image or IMAGE),
        pipeline_root=pipeline_root or "",
        **_claims(
            models_volume=models_volume,
            data_volume=data_volume,
            beam_volume=beam_volume,
            log_volume=log_volume,
        ),
        data_secret=_secret(data_secret, data),
    )
    places.check_reach(data, pipeline_root, has_secret=bool(data_secret))
    if data_volume and kind != "volume":
        raise BadInputError(
            f"--data-volume: expected together with --data /data/..., found --data "
            f"{data}"
        )
    beam = on_cluster(config.beam)
    if beam_volume and not beam.on_engine:
        raise BadInputError(
            "--beam-volume: expected together with --set beam.runner=FlinkRunner, "
            f"found {beam.runner}"
        )
    if config.gates.replay_log:
        _check_log("setting gates.replay_log", config.gates.replay_log)
    elif log_volume:
        raise BadInputError(
            "--log-volume: expected together with --set gates.replay_log="
            f"{LOG_FOLDER}/..., found no replay_log"
        )
    # The settings for the place of the data are used up, and do not change the model.
    split = config.data.model_copy(
        update={"path": None, "dataset": "auto", "name": None}
    )
    return Recipe(
        config=config.model_copy(update={"data": split, "beam": beam}),
        deployment=deployment,
        name=_name(name or config.data.name, data),
        data=data,
        fingerprint=places.fingerprint(
            data, fingerprint, fingerprint_of, config.data.hints("")
        ),
    )


def monitoring(
    name: str,
    log: str,
    config_path: str | None,
    settings: tuple[str, ...],
    *,
    image: str | None,
    models_volume: str | None,
    log_volume: str | None,
    pipeline_root: str | None,
) -> Recipe:
    """Checks the flags of `compile-monitor`; returns the arguments for the compiler.

    Raises:
        BadInputError: A flag's value cannot be used.
    """
    config = load_config(config_path, settings)
    check_root(pipeline_root)
    _check_log("--log", log)
    deployment = Deployment(
        image=_image(image or IMAGE),
        pipeline_root=pipeline_root or "",
        **_claims(models_volume=models_volume, log_volume=log_volume),
    )
    config = config.model_copy(update={"beam": on_cluster(config.beam)})
    pipeline = _name(f"{name}-monitor", log)
    return Recipe(config, deployment, pipeline, "", "")


def _check_log(name: str, log: str) -> None:
    if not f"{log}/".startswith(f"{LOG_FOLDER}/"):
        raise BadInputError(
            f"{name}: expected a path below {LOG_FOLDER}, where the volume is mounted, "
            f"found {log}"
        )


def check_root(pipeline_root: str | None) -> None:
    """Refuses a pipeline root that KFP would refuse in its first pod.

    (kubeflow/pipelines: backend/src/v2/objectstore/config.go)

    Raises:
        BadInputError: The root is not in an object store.
    """
    if pipeline_root and not is_remote(pipeline_root):
        raise BadInputError(
            f"--pipeline-root: expected minio://, s3:// or gs://, found {pipeline_root}"
        )


def alone(package_path: str | None, flags: dict[str, Any]) -> None:
    """Refuses flags of the compiler together with a compiled package.

    Raises:
        BadInputError: The user gave a package and such a flag.
    """
    given = [name for name, value in flags.items() if value]
    if package_path and given:
        spelled = {"config_path": "config", "settings": "set", "name": "model"}
        option = spelled.get(given[0], given[0])
        raise BadInputError(
            f"--{option.replace('_', '-')}: expected without --package, which is "
            "compiled already"
        )


def _name(name: str | None, data: str) -> str:
    if name is None:
        return data if data in (DIGITS, MNIST) else name_of(data)
    if not re.fullmatch(MODEL_NAME_PATTERN, name):
        raise BadInputError(
            f"--model: expected lower-case letters, digits and dashes, 58 at most, "
            f"found {name!r}"
        )
    if len(name) > _LONGEST_NAME:
        raise BadInputError(
            f"--model: expected {_LONGEST_NAME} characters at most on Kubeflow, which "
            f"adds some of its own, found {len(name)} in {name!r}"
        )
    if (name == DIGITS) != (data == DIGITS):
        raise BadInputError(
            f"--model: {name}: expected another name, as {DIGITS} is the embedded "
            "data set's"
            if name == DIGITS
            else f"--model: {name}: expected without --data {DIGITS}, whose model is "
            f"always called {DIGITS}"
        )
    return name


def _image(text: str) -> str:
    if not re.fullmatch(r"[^\s,]+", text):
        raise BadInputError(f"--image: expected an image's name, found {text!r}")
    return text


def _claims(**volumes: str | None) -> dict[str, str]:
    """Checks the given names of claims, which KFP also uses as names of volumes.

    A claim may have a DNS subdomain name, but a volume needs a DNS label. Otherwise
    Kubernetes refuses the pod, and from KFP 2.17 on the whole pipeline is repeated.
    """
    given = {name: text for name, text in volumes.items() if text}
    for name, text in given.items():
        if re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", text):
            continue
        raise BadInputError(
            f"--{name.replace('_', '-')}: expected the name of a PersistentVolumeClaim "
            "of 63 characters at most and without dots, as Kubeflow names a volume "
            f"after it, found {text!r}"
        )
    return given


def _secret(name: str | None, data: str) -> str:
    """Checks the name of a Secret (in Kubernetes a DNS subdomain name)."""
    if name is None:
        return ""
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", name):
        raise BadInputError(
            f"--data-secret: expected the name of a Secret, found {name!r}"
        )
    if not data.startswith(("s3://", "minio://")):
        raise BadInputError(
            f"--data-secret: expected together with --data s3://... or minio://..., "
            f"found --data {data}"
        )
    return name


def write(text: str, path: str) -> None:
    """Writes a file atomically.

    Raises:
        BadInputError: The file cannot be written.
    """
    beside = f"{path}.tmp-{os.getpid()}"
    try:
        with open(beside, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.replace(beside, path)
    except OSError as error:
        raise BadInputError(f"{path}: cannot be written: {error.strerror}") from error
