"""The compiler's flags become settings, or are refused."""

from pathlib import Path
from typing import Any

import pytest

from components.image_example_gen import digits
from components.image_example_gen.mnist import FINGERPRINT as MNIST_FINGERPRINT
from components.image_example_gen.source import open_source
from contract.errors import BadInputError
from pipeline.config import Config, Data
from runner.kubeflow.deployment import ENGINE, Deployment
from runner.kubeflow.flags import IMAGE, recipe
from runner.kubeflow.places import check_reach, kind

REPOSITORY = Path(__file__).resolve().parents[3]


def test_without_flags_it_is_mnist_as_the_local_runner_trains_it() -> None:
    found = recipe()
    assert (found.name, found.data) == ("mnist", "mnist")
    assert found.config == Config()
    assert found.deployment == Deployment(image=IMAGE)
    # The mirrors' files are verified, so the content is known.
    assert found.fingerprint == MNIST_FINGERPRINT


def test_the_default_image_is_the_one_that_is_built() -> None:
    assert f'version="{IMAGE.rpartition(":")[2]}"' in (
        REPOSITORY / "setup.py"
    ).read_text(encoding="utf-8")


def test_digits_have_their_name_and_bounds() -> None:
    found = recipe(data="digits", settings=("gates.min_accuracy=0.5",))
    assert (found.name, found.fingerprint) == ("digits", "")
    assert found.config.gates.min_accuracy == 0.5
    assert found.config.gates.min_class_accuracy == 0.75


def test_a_config_file_names_data_and_model_and_neither_is_compiled_in(
    tmp_path: Path,
) -> None:
    path = tmp_path / "run.toml"
    path.write_text(
        '[data]\npath = "s3://bucket/scans"\nname = "scans"\neval_fraction = 0.1\n'
        "[training]\nepochs = 2\n"
    )
    found = recipe(config_path=str(path), settings=("training.seed=4",))
    assert (found.name, found.data, found.fingerprint) == (
        *("scans", "s3://bucket/scans"),
        "",
    )
    assert found.config.data == Data(eval_fraction=0.1)
    assert (found.config.training.epochs, found.config.training.seed) == (2, 4)
    assert recipe(config_path=str(path), data="/data/x", name="x").data == "/data/x"


def test_the_fingerprint_of_a_copy(tmp_path: Path) -> None:
    folder = str(tmp_path / "digits")
    digits.write(folder)
    found = recipe(data="/data/mine", fingerprint_of=folder)
    assert found.fingerprint == open_source(folder).fingerprint()
    assert recipe(data="/data/mine").fingerprint == ""
    assert recipe(data="/data/mine", fingerprint="0" * 64).fingerprint == "0" * 64


def test_by_its_name_alone_flink_is_the_one_of_k8s() -> None:
    beam = recipe(settings=("beam.runner=FlinkRunner",)).config.beam
    assert {key: getattr(beam, key) for key in ENGINE} == ENGINE
    settings = ("beam.runner=FlinkRunner", 'beam.endpoint="beam.team-b:8099"')
    beam = recipe(settings=settings).config.beam
    assert (beam.endpoint, beam.workers) == ("beam.team-b:8099", ENGINE["workers"])


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        ({"name": "My Model"}, "--model: expected lower-case letters"),
        ({"name": "digits"}, "--model: digits: expected another name"),
        ({"data": "digits", "name": "x"}, "--model: x: expected without --data digits"),
        ({"image": "a b"}, "--image: expected an image's name, found 'a b'"),
        ({"models_volume": "A_b"}, "--models-volume: expected the name of a Persis"),
        ({"models_volume": "a.b"}, "--models-volume: expected the name of a Persis"),
        ({"models_volume": "a" * 64}, "63 characters at most and without dots"),
        ({"name": "a" * 59}, "digits and dashes, 58 at most, found "),
        ({"data_secret": "A_b"}, "--data-secret: expected the name of a Secret"),
        ({"data_secret": "s"}, "--data-secret: expected together with --data s3://"),
        (
            {"data_secret": "s", "data": "gs://b/x"},
            "--data-secret: expected together with --data s3://",
        ),
        (
            {"data": "minio://other/x", "pipeline_root": "minio://mlpipeline/v2"},
            "data: minio://other/x: in another bucket than the pipeline root",
        ),
        ({"data_volume": "d"}, "--data-volume: expected together with --data /data/"),
        (
            {"settings": ("gates.replay_log=/logs/mnist",)},
            "setting gates.replay_log: expected a path below /requests",
        ),
        ({"log_volume": "l"}, "--log-volume: expected together with --set gates.repl"),
        ({"beam_volume": "b"}, "--beam-volume: expected together with --set beam.run"),
        (
            {"settings": ("beam.runner=SparkRunner",)},
            "setting beam.runner: should be DirectRunner or FlinkRunner on Kubeflow",
        ),
        (
            {"settings": ("beam.runner=FlinkRunner", "beam.workers=loopback")},
            "setting beam.workers: should be the host:port of a worker pool",
        ),
        ({"pipeline_root": "/tmp/x"}, "--pipeline-root: expected minio://, s3://"),
        ({"fingerprint": "abc"}, "--fingerprint: expected the 64 hexadecimal digits"),
        (
            {"fingerprint": "0" * 64, "fingerprint_of": "x"},
            "--fingerprint, --fingerprint-of: expected one of them, found both",
        ),
        ({"fingerprint_of": "nowhere"}, "nowhere"),
        ({"settings": ("training.epoch=5",)}, "setting training.epoch: unknown key"),
        ({"config_path": "nowhere.toml"}, "nowhere.toml: cannot be read"),
    ],
)
def test_what_cannot_be_used_is_one_line(flags: dict[str, Any], problem: str) -> None:
    with pytest.raises(BadInputError) as caught:
        recipe(**flags)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("mnist", "name"),
        ("digits", "name"),
        ("/data/mnist", "volume"),
        ("/data/a/b.npz", "volume"),
        ("minio://mlpipeline/mnist", "store"),
        ("gs://bucket/mnist.npz", "store"),
        ("s3://bucket/a/b/", "store"),
    ],
)
def test_how_a_pod_comes_by_the_data(data: str, expected: str) -> None:
    assert kind(data) == expected


@pytest.mark.parametrize(
    "data", ["/mnt/mnist", "~/mnist", "./data", "/data/../etc", "/data", "/data/"]
)
def test_a_folder_of_this_machine_is_not_on_the_cluster(data: str) -> None:
    with pytest.raises(BadInputError, match="is not on the cluster") as caught:
        kind(data)
    assert f"found {data}" in str(caught.value)


@pytest.mark.parametrize("data", ["s3://bucket", "gs:///key", "minio://b/k ey"])
def test_a_uri_without_bucket_or_key(data: str) -> None:
    with pytest.raises(BadInputError, match="expected <scheme>://<bucket>/<key"):
        kind(data)


@pytest.mark.parametrize("data", ["fashion", "https://host/mnist", "hdfs://h/x", ""])
def test_a_place_that_no_pod_knows(data: str) -> None:
    with pytest.raises(BadInputError, match=r"^data: expected mnist, digits, a path"):
        kind(data)


ROOT = "minio://mlpipeline/v2/artifacts"


@pytest.mark.parametrize(
    ("data", "root"),
    [
        ("minio://mlpipeline/mnist", ROOT),
        ("s3://bucket/mnist", "s3://bucket/root"),
        ("mnist", ROOT),
        ("/data/mnist", ""),
    ],
)
def test_what_the_launcher_brings_in_any_case(data: str, root: str) -> None:
    assert check_reach(data, root, has_secret=False) == ""


@pytest.mark.parametrize(
    ("data", "root"),
    [
        # The root belongs to the cluster, and may be in that bucket.
        ("minio://datasets/mnist", ""),
        # The cluster's account may have the credentials.
        ("s3://other/mnist", "s3://bucket/root"),
        ("gs://other/mnist", ROOT),
    ],
)
def test_what_depends_on_the_cluster_has_a_note(data: str, root: str) -> None:
    note = check_reach(data, root, has_secret=False)
    assert note.startswith(f"note: {data}: a bucket other than the pipeline root's")
    assert check_reach(data, root, has_secret=True) == ""


def test_names_and_claims_as_long_as_they_may_be() -> None:
    found = recipe(name="a" * 58, data="/data/x", models_volume="b" * 63)
    assert (found.name, found.deployment.models_volume) == ("a" * 58, "b" * 63)
