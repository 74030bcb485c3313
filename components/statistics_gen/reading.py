"""Reads values from TFDV's statistics."""

from typing import TypeAlias

from tensorflow_metadata.proto.v0 import statistics_pb2

Statistics: TypeAlias = statistics_pb2.DatasetFeatureStatisticsList
STATISTICS_FILE = "FeatureStats.pb"
"""File in a split's folder (tfx/components/statistics_gen/executor.py)."""


def by_feature(
    statistics: Statistics,
) -> dict[str, statistics_pb2.FeatureNameStatistics]:
    """Returns the statistics of each feature, by name."""
    return {each.path.step[0]: each for each in statistics.datasets[0].features}


def value_counts(statistics: Statistics, feature: str) -> dict[str, int]:
    """Returns the count of each value of a feature; empty if it is not categorical.

    TFDV counts labels like texts, because the schema marks them as categorical.
    """
    found = by_feature(statistics).get(feature)
    if found is None:
        return {}
    buckets = found.string_stats.rank_histogram.buckets
    return {bucket.label: round(bucket.sample_count) for bucket in buckets}
