"""The statistics equal those of TFX's executor, on real and on odd data."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from google.protobuf import json_format, text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.components.statistics_gen import executor as tfx_executor
from tfx.types import standard_artifacts

from components.image_example_gen.examples import serialize
from components.statistics_gen.executor import Executor
from contract import nodes
from pipeline.beam import Beam
from tests.components.datasets import Dataset

Files = Sequence[Sequence[bytes]]
"""The serialised examples of a split, by file."""

Describe = Callable[..., tuple[Any, dict[str, Any]]]


@pytest.fixture
def describe(
    artifact: Callable[..., Any], schema: schema_pb2.Schema, tmp_path: Path
) -> Describe:
    """Runs an executor; returns its artifact, and the statistics of each split."""

    def describe(
        kind: Any,
        splits: dict[str, Files],
        *beam_args: str,
        categories: int = 10,
        options: str | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        examples = artifact(standard_artifacts.Examples, splits=list(splits))
        for split, files in splits.items():
            folder = Path(examples.uri, f"Split-{split}")
            folder.mkdir()
            for number, records in enumerate(files):
                path = str(folder / f"data-{number}.gz")
                with tf.io.TFRecordWriter(path, "GZIP") as writer:
                    for record in records:
                        writer.write(record)
        of_schema = artifact(standard_artifacts.Schema)
        schema.feature[1].int_domain.max = categories - 1
        Path(of_schema.uri, "schema.pbtxt").write_text(
            text_format.MessageToString(schema)
        )
        statistics = artifact(standard_artifacts.ExampleStatistics)
        context = kind.Context(
            beam_pipeline_args=[*Beam().pipeline_args(), *beam_args],
            tmp_dir=str(tmp_path / "tmp"),
        )
        kind(context).Do(
            {nodes.EXAMPLES: [examples], nodes.SCHEMA: [of_schema]},
            {nodes.STATISTICS: [statistics]},
            {"stats_options_json": options} if options else {},
        )
        return statistics, {
            split: tfdv.load_stats_binary(
                str(Path(statistics.uri, f"Split-{split}", "FeatureStats.pb"))
            )
            for split in splits
        }

    return describe


def simple(statistics: Any) -> Any:
    """Returns JSON with the features by name, as their order is not kept."""
    content = json_format.MessageToDict(statistics)
    for dataset in content["datasets"]:
        dataset.get("features", []).sort(key=lambda feature: feature["path"]["step"])
    return content


def without_quantiles(content: Any) -> Any:
    if isinstance(content, dict):
        return {
            key: without_quantiles(
                [one for one in value if one.get("type") != "QUANTILES"]
                if key == "histograms"
                else value
            )
            for key, value in content.items()
            # The median comes from a sketch, like the quantiles.
            if key not in ("median", "numValuesHistogram")
        }
    if isinstance(content, list):
        return [without_quantiles(one) for one in content]
    return content


def approximately(content: Any) -> Any:
    """Returns the content with fractions that compare equal to 1e-12 of their size."""
    if isinstance(content, dict):
        return {key: approximately(value) for key, value in content.items()}
    if isinstance(content, list):
        return [approximately(value) for value in content]
    return pytest.approx(content, rel=1e-12) if isinstance(content, float) else content


def records(dataset: Dataset) -> list[bytes]:
    return serialize(dataset.train_images, dataset.train_labels)


def example(**features: Sequence[int | float | bytes]) -> bytes:
    def of(values: Sequence[Any]) -> tf.train.Feature:
        if values and isinstance(values[0], bytes):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
        if values and isinstance(values[0], float):
            return tf.train.Feature(float_list=tf.train.FloatList(value=values))
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

    built = {name: of(values) for name, values in features.items()}
    message = tf.train.Example(features=tf.train.Features(feature=built))
    return bytes(message.SerializeToString())


PIXELS = [0, 16, 255]

ODD: dict[str, Files] = {
    "no-label-in-some-rows": [
        [example(image=PIXELS, label=[1]), example(image=PIXELS), example(label=[2])]
    ],
    "no-image-in-any-row": [[example(label=[1]), example(label=[3])]],
    "a-feature-without-values": [[example(image=PIXELS, label=[]), example(label=[])]],
    "rows-without-any-feature": [[example(), example(image=PIXELS, label=[1])]],
    "images-of-several-sizes": [
        [example(image=PIXELS, label=[1]), example(image=PIXELS * 3, label=[1, 2])]
    ],
    "unknown-features": [
        [
            example(image=PIXELS, label=[1], weight=[0.5], writer=[b"A"]),
            example(image=PIXELS, label=[1], weight=[float("nan")], writer=[b"\xff"]),
        ]
    ],
    "values-out-of-range": [[example(image=[-1, 256, 2**62], label=[11])]],
    "one-row": [[example(image=PIXELS, label=[1])]],
    "no-rows-in-one-of-two-files": [[], [example(image=PIXELS, label=[1])]],
    "no-rows": [[]],
    "another-feature-in-each-file": [
        [example(image=PIXELS)] * 5,
        [example(label=[4])] * 5,
    ],
}


def test_of_odd_data_it_says_what_tfx_says(describe: Describe) -> None:
    # One split for each case: a start of Beam takes longer than all descriptions.
    _, ours = describe(Executor, ODD)
    _, theirs = describe(tfx_executor.Executor, ODD)
    for split in ODD:
        assert (split, simple(ours[split])) == (
            split,
            approximately(simple(theirs[split])),
        )


def test_of_real_digits_it_says_what_tfx_says(
    describe: Describe, all_digits: Dataset
) -> None:
    rows = records(all_digits)
    splits: dict[str, Files] = {
        "train": [rows[:700], rows[700:900]],
        "eval": [rows[900:]],
    }
    artifact, ours = describe(Executor, splits)
    of_tfx, theirs = describe(tfx_executor.Executor, splits)
    for split in splits:
        assert simple(ours[split]) == approximately(simple(theirs[split]))
    assert artifact.split_names == of_tfx.split_names
    assert (
        artifact.mlmd_artifact.custom_properties
        == of_tfx.mlmd_artifact.custom_properties
    )


@pytest.mark.whole
def test_of_16_times_the_rows_it_says_what_tfx_says(
    describe: Describe, all_digits: Dataset
) -> None:
    many = [records(all_digits)] * 16
    _, ours = describe(Executor, {"train": many})
    _, theirs = describe(tfx_executor.Executor, {"train": many})
    found, expected = simple(ours["train"]), simple(theirs["train"])
    assert without_quantiles(found) == approximately(without_quantiles(expected))
    for feature, of_tfx in zip(
        found["datasets"][0]["features"],
        expected["datasets"][0]["features"],
        strict=True,
    ):
        quantiles, of_tfx_quantiles = (
            [
                bucket.get("highValue", 0)
                for histogram in each.get("numStats", {}).get("histograms", [])
                if histogram.get("type") == "QUANTILES"
                for bucket in histogram["buckets"]
            ]
            for each in (feature, of_tfx)
        )
        # Sketches may be wrong by one value; the digits have 0, 16, 32 ... 255.
        np.testing.assert_allclose(quantiles, of_tfx_quantiles, atol=16)


def test_a_file_that_is_cut_off_is_an_error(
    describe: Describe, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tf.io, "TFRecordWriter", _CutOff)
    with pytest.raises(tf.errors.DataLossError):
        describe(Executor, {"train": [records(dataset)]})


class _CutOff(tf.io.TFRecordWriter):
    def __init__(self, path: str, options: str) -> None:
        super().__init__(path, options)
        self._path = path

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        content = Path(self._path).read_bytes()
        Path(self._path).write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize(
    "beam_args",
    [
        ["--runner=PrismRunner"],
        ["--runner=FlinkRunner"],
        ["--runner=DirectRunner", "--direct_num_workers=2"],
    ],
)
def test_beam_does_the_work_as_soon_as_another_runner_is_named(
    describe: Describe,
    dataset: Dataset,
    beam_args: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class AskedError(Exception):
        pass

    def ask(self: Any) -> None:
        raise AskedError

    monkeypatch.setattr(Executor, "_make_beam_pipeline", ask)
    with pytest.raises(AskedError):
        describe(Executor, {"train": [records(dataset)]}, *beam_args)


def test_more_categories_than_a_sketch_counts_exactly_are_counted_by_beam(
    describe: Describe,
) -> None:
    rows = [example(image=PIXELS, label=[label]) for label in range(1500)]
    rows += rows[700:750]
    _, ours = describe(Executor, {"train": [rows]}, categories=1500)
    _, theirs = describe(tfx_executor.Executor, {"train": [rows]}, categories=1500)
    assert simple(ours["train"]) == approximately(simple(theirs["train"]))


def test_only_the_features_that_are_asked_for_are_described(
    describe: Describe, dataset: Dataset
) -> None:
    files = [serialize(dataset.train_images, dataset.train_labels)]
    options = tfdv.StatsOptions(feature_allowlist=["image"]).to_json()
    _, ours = describe(Executor, {"train": files}, options=options)
    _, theirs = describe(tfx_executor.Executor, {"train": files}, options=options)
    described = {
        feature.path.step[0]
        for statistics in (ours, theirs)
        for feature in statistics["train"].datasets[0].features
    }
    assert described == {"image"}


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_split_that_cannot_be_decoded_is_an_error(
    describe: Describe, place: int
) -> None:
    splits: dict[str, Files] = {
        name: [[example(image=PIXELS, label=[1])]] for name in ("train", "eval", "test")
    }
    splits[[*splits][place]] = [[b"no example"]]
    with pytest.raises(RuntimeError, match="Unable to parse"):
        describe(Executor, splits)
