"""What is read of statistics, wherever they are."""

from typing import TypeAlias

from tensorflow_metadata.proto.v0 import statistics_pb2

Statistics: TypeAlias = statistics_pb2.DatasetFeatureStatisticsList
STATISTICS_FILE = "FeatureStats.pb"
"""In a split's folder (tfx/components/statistics_gen/executor.py)."""


def by_feature(
    statistics: Statistics,
) -> dict[str, statistics_pb2.FeatureNameStatistics]:
    """Returns what is known of each feature, by its name."""
    return {each.path.step[0]: each for each in statistics.datasets[0].features}


def value_counts(statistics: Statistics, feature: str) -> dict[str, int]:
    """Returns how often each value of a feature occurs; empty if it is no category.

    TFDV counts labels as it does texts, as the schema calls them categorical.
    """
    found = by_feature(statistics).get(feature)
    if found is None:
        return {}
    buckets = found.string_stats.rank_histogram.buckets
    return {bucket.label: round(bucket.sample_count) for bucket in buckets}
