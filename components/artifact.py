"""Artifacts that Kubeflow's user interface shows.

They have KFP's names, so that they are the same locally and on a cluster; TFX finds
a custom type's class by its path there, see `runner.kubeflow.entrypoint.settings`.
"""

from tfx.types.artifact import Artifact

from contract import nodes


class HTML(Artifact):
    """One file, `report.html`."""

    TYPE_NAME = nodes.HTML_TYPE


class Metrics(Artifact):
    """Numbers by name, as custom properties; see `components.report.metrics`."""

    TYPE_NAME = nodes.METRICS_TYPE


class ClassificationMetrics(Artifact):
    """A confusion matrix, as custom properties; see `components.report.metrics`."""

    TYPE_NAME = nodes.CLASSIFICATION_TYPE
