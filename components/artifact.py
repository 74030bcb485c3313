"""Types of the artifacts that Kubeflow's user interface shows.

They have KFP's type names, locally as on a cluster. On a cluster TFX finds the class
of a custom type by its path, see `runner.kubeflow.entrypoint.settings`.
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
