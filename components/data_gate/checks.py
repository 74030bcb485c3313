"""Finds faults in a data set from its statistics."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from components.data_gate.chance import share_bound
from components.statistics_gen.reading import Statistics, by_feature, value_counts

SKEW, DRIFT = "skew_comparator", "drift_comparator"
"""The schema's fields with bounds between splits, and since an earlier run."""

_DATASET = "(data set)"


@dataclass(frozen=True)
class Finding:
    """A fault in the data.

    Attributes:
        split: The split.
        feature: The feature; `(data set)` if it is about no single feature.
        reason: The fault in TFDV's words, with the value found.
    """

    split: str
    feature: str
    reason: str

    def __str__(self) -> str:
        return f"split {self.split}, feature {self.feature}: {self.reason}"


@dataclass(frozen=True)
class Distance:
    """Distance between two distributions of a feature, and its bound.

    Attributes:
        split: The split.
        feature: The feature.
        measure: TFDV's name of the measure, `L_INFTY` or `JENSEN_SHANNON_DIVERGENCE`.
        value: The distance.
        bound: A greater distance is a finding.
    """

    split: str
    feature: str
    measure: str
    value: float
    bound: float


def against_schema(
    anomalies: Mapping[str, anomalies_pb2.Anomalies],
    statistics: Mapping[str, Statistics],
) -> list[Finding]:
    """Returns findings for empty splits and for ExampleValidator's anomalies."""
    findings = [
        Finding(split, _DATASET, "no examples: expected at least 1, found 0")
        for split, of_split in statistics.items()
        if of_split.datasets[0].num_examples == 0
    ]
    for split, of_split in anomalies.items():
        findings.extend(_findings(split, of_split))
    return findings


@dataclass(frozen=True)
class Comparison:
    """Comparison of a split's statistics with others.

    Attributes:
        split: The split.
        comparator: The schema's field with the bounds, `SKEW` or `DRIFT`.
        difference: Text that says what a value beyond its bound means.
        one: Statistics of one side, with all features.
        other: Statistics of the other side, with all features.
        compared: TFDV's result for the features in common.
    """

    split: str
    comparator: str
    difference: str
    one: Statistics
    other: Statistics
    compared: anomalies_pb2.Anomalies

    def findings(self) -> list[Finding]:
        """Returns a finding for each distance beyond its bound."""
        return [
            Finding(
                found.split,
                found.feature,
                f"{self.difference}: {found.reason}"
                + _place(found, self.comparator, self.one, self.other),
            )
            for found in _findings(self.split, self.compared)
        ]

    def distances(self) -> list[Distance]:
        """Returns all distances, also those within their bounds."""
        kind = self.comparator.removesuffix("_comparator")
        return [
            Distance(
                self.split,
                ".".join(info.path.step),
                anomalies_pb2.DriftSkewInfo.Measurement.Type.Name(found.type),
                found.value,
                found.threshold,
            )
            for info in self.compared.drift_skew_info
            for found in getattr(info, f"{kind}_measurements")
        ]


def between_splits(
    statistics: Mapping[str, Statistics], schema: schema_pb2.Schema, reference: str
) -> Iterator[Comparison]:
    """Compares each split with the reference split by the `skew_comparator`."""
    for split in statistics:
        if split != reference:
            sides = statistics[reference], statistics[split]
            difference = f"differs from split {reference}"
            yield _compare(split, SKEW, difference, schema, *sides)


def since(
    statistics: Mapping[str, Statistics],
    schema: schema_pb2.Schema,
    previous: Mapping[str, Statistics],
    version: str,
) -> Iterator[Comparison]:
    """Compares each split with that of an earlier run by the `drift_comparator`."""
    for split in sorted(statistics.keys() & previous.keys()):
        sides = statistics[split], previous[split]
        difference = f"drifted since version {version}"
        yield _compare(split, DRIFT, difference, schema, *sides)


_TFDVS_NAMES = {SKEW: "serving_statistics", DRIFT: "previous_statistics"}
"""TFDV's argument for the other side of a comparison."""


def _compare(
    split: str,
    comparator: str,
    difference: str,
    schema: schema_pb2.Schema,
    one: Statistics,
    other: Statistics,
) -> Comparison:
    first, second = _in_common(schema, one, other)
    bounds = _comparing(schema, comparator, first, second)
    compared = tfdv.validate_statistics(
        first, bounds, **{_TFDVS_NAMES[comparator]: second}
    )
    return Comparison(split, comparator, difference, one, other, compared)


def _comparing(
    schema: schema_pb2.Schema, comparator: str, one: Statistics, other: Statistics
) -> schema_pb2.Schema:
    """Returns a schema that has only the comparators of one kind.

    The bound on the shares of classes is at least the difference that chance explains
    at this number of rows.
    """
    bare = schema_pb2.Schema()
    for feature in schema.feature:
        kept = bare.feature.add(name=feature.name, type=feature.type)
        if feature.HasField("int_domain"):
            # The kind of the statistics depends on `is_categorical`.
            kept.int_domain.is_categorical = feature.int_domain.is_categorical
        if feature.HasField(comparator):
            bound = getattr(kept, comparator)
            bound.CopyFrom(getattr(feature, comparator))
            if bound.infinity_norm.threshold:
                by_chance = _by_chance(feature.name, one, other)
                if by_chance > bound.infinity_norm.threshold:
                    bound.infinity_norm.threshold = by_chance
    return bare


def _by_chance(feature: str, one: Statistics, other: Statistics) -> float:
    """Returns how far the shares of a feature's values differ by chance."""
    first, second = (value_counts(each, feature) for each in (one, other))
    values = sorted(first.keys() | second.keys())
    if not values:
        return 0.0
    bounds = share_bound(
        [first.get(value, 0) for value in values],
        [second.get(value, 0) for value in values],
    )
    return float(bounds.max())


def _place(
    finding: Finding, comparator: str, one: Statistics, other: Statistics
) -> str:
    """Returns a text with the place of the bound, and the difference by chance."""
    by_chance = _by_chance(finding.feature, one, other)
    chance = (
        f"; with this number of rows, chance alone gives {by_chance:.4f}"
        if by_chance
        else ""
    )
    return (
        f" (the bound is the {comparator} of feature {finding.feature} in the schema "
        f"(data.schema, or pipeline/schema/schema.pbtxt){chance})"
    )


def _in_common(schema: schema_pb2.Schema, *statistics: Statistics) -> list[Statistics]:
    """Returns the statistics with only those features of the schema that all have.

    A missing or unknown feature is already a finding against the schema. In a
    comparison it would be a second finding, or an error.
    """
    names = {feature.name for feature in schema.feature}
    for one in statistics:
        names &= set(_with_values(one))
    reduced = []
    for one in statistics:
        kept = Statistics()
        kept.CopyFrom(one)
        features = [f for name, f in _with_values(one).items() if name in names]
        del kept.datasets[0].features[:]
        kept.datasets[0].features.extend(features)
        reduced.append(kept)
    return reduced


def _with_values(
    statistics: Statistics,
) -> dict[str, statistics_pb2.FeatureNameStatistics]:
    """Returns the features that have values in some example, by name."""
    return {
        name: feature
        for name, feature in by_feature(statistics).items()
        if getattr(feature, feature.WhichOneof("stats")).common_stats.num_non_missing
    }


def _findings(split: str, anomalies: anomalies_pb2.Anomalies) -> Iterator[Finding]:
    if anomalies.HasField("dataset_anomaly_info"):
        yield Finding(split, _DATASET, _words(anomalies.dataset_anomaly_info))
    for key, info in sorted(anomalies.anomaly_info.items()):
        yield Finding(split, ".".join(info.path.step) or key, _words(info))


def _words(info: anomalies_pb2.AnomalyInfo) -> str:
    reasons = [
        f"{reason.short_description}: {reason.description}" for reason in info.reason
    ]
    return " ".join(reasons) or f"{info.short_description}: {info.description}"
