"""Argo's workflow stays small enough to be kept unpacked."""

import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from contract.task import Task
from pipeline.config import Config, load_config
from runner.kubeflow.deployment import Deployment
from runner.kubeflow.specification import compile_pipeline
from tests.runner.kubeflow.compiled import flags_of, of_task
from tests.runner.kubeflow.finished_workflow import Finished
from tests.tasks import LETTERS, SHAPES

RECORDED = Path(__file__).parent / "recorded" / "mnist-c99ba7c.yaml.gz"
"""The package that ran on the real controller when the sizes below were taken."""

MOST = 700_000
"""Bytes. From 1,048,576 bytes on Argo packs the nodes, and KFP cannot read them; the
rest is for pods that are lost and started again."""


@pytest.mark.parametrize(
    ("every_level_retries", "recorded"), [(False, 818_622), (True, 1_247_617)]
)
def test_the_computation_gives_what_was_recorded(
    every_level_retries: bool, recorded: int
) -> None:
    """The sizes are of KFP 2.16.1 with Argo 3.7.8, and of 2.17.0 with 4.0.5."""
    package = gzip.decompress(RECORDED.read_bytes()).decode()
    finished = Finished(package, every_level_retries, all_properties=True)
    assert finished.size == pytest.approx(recorded, rel=0.03)


@pytest.mark.parametrize("task", [LETTERS, SHAPES], ids=lambda task: task.name)
def test_so_does_that_of_a_task_of_ones_own(task: Task) -> None:
    assert Finished(of_task(task), every_level_retries=True).size < MOST


def test_a_hundred_classes_do_not_fill_it() -> None:
    """Only the nodes that depend on the names get them."""
    many = replace(
        LETTERS, name="many", classes=tuple(f"a class called {i}" for i in range(100))
    )
    names = len("".join(many.classes))
    few = Finished(of_task(LETTERS), every_level_retries=True).size
    assert Finished(of_task(many), every_level_retries=True).size < few + 40 * names


IMAGE = "registry.example/team/mnist-tfx-pipeline@sha256:" + "ab" * 32


@pytest.mark.parametrize("data", ["mnist", "/data/mnist", "s3://bucket/mnist"])
def test_a_finished_workflow_leaves_room_for_lost_pods(data: str) -> None:
    """It includes the nodes of 2.17 for tries of each level."""
    deployment = Deployment(IMAGE, data_secret="credentials")
    package = compile_pipeline(Config(), deployment, "mnist", data, "ab" * 32)
    assert Finished(package, every_level_retries=True).size < MOST


def test_it_does_so_for_a_task_by_flags_with_an_importer() -> None:
    """On KFP 2.17.0 this was 704,299 bytes with an earlier package."""
    data = "minio://mlpipeline/data/letters"
    package = compile_pipeline(
        load_config(settings=flags_of(LETTERS)),
        Deployment(IMAGE),
        "letters",
        data,
        "ab" * 32,
    )
    assert Finished(package, every_level_retries=True).size < 680_000


def test_the_longest_name_and_a_long_root_fit_too() -> None:
    """The name of a pipeline and its root are in the URI of each artifact."""
    deployment = Deployment(
        IMAGE,
        data_secret="credentials",
        pipeline_root="minio://mlpipeline/pipelines/of/our/team/letters",
    )
    package = compile_pipeline(
        load_config(settings=flags_of(LETTERS)),
        deployment,
        "m" * 58,
        "s3://a-bucket-of-our-team/data/of/letters",
        "ab" * 32,
    )
    assert Finished(package, every_level_retries=True).size < MOST
