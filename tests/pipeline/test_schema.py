"""The curated schema agrees with the data contract in `contract.features`."""

from typing import Any

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from contract.features import IMAGE, IMAGE_SIZE, LABEL, NUM_CLASSES
from pipeline.schema import schema_text


@pytest.fixture(scope="module")
def features() -> dict[str, Any]:
    """The schema's features by name."""
    schema = text_format.Parse(schema_text(), schema_pb2.Schema())
    return {feature.name: feature for feature in schema.feature}


def test_an_example_has_an_image_and_a_label_and_nothing_else(
    features: dict[str, Any],
) -> None:
    assert set(features) == {IMAGE, LABEL}


@pytest.mark.parametrize(
    ("name", "size", "largest"), [(IMAGE, IMAGE_SIZE, 255), (LABEL, 1, NUM_CLASSES - 1)]
)
def test_sizes_and_ranges_are_those_of_the_contract(
    features: dict[str, Any], name: str, size: int, largest: int
) -> None:
    feature = features[name]
    assert feature.type == schema_pb2.INT
    assert [dim.size for dim in feature.shape.dim] == [size]
    assert (feature.int_domain.min, feature.int_domain.max) == (0, largest)


@pytest.mark.parametrize("name", [IMAGE, LABEL])
def test_no_example_may_lack_a_feature(features: dict[str, Any], name: str) -> None:
    presence = features[name].presence
    assert (presence.min_fraction, presence.min_count) == (1.0, 1)


def test_labels_are_counted_by_digit(features: dict[str, Any]) -> None:
    """Only categorical integers have the histogram that the comparators need."""
    assert features[LABEL].int_domain.is_categorical


def test_how_far_a_data_set_may_move_is_bounded(features: dict[str, Any]) -> None:
    image, label = features[IMAGE], features[LABEL]
    assert 0 < label.skew_comparator.infinity_norm.threshold < 1
    assert 0 < label.drift_comparator.infinity_norm.threshold < 1
    assert 0 < image.drift_comparator.jensen_shannon_divergence.threshold < 1
