"""The artifact that holds a page."""

from tfx.types.artifact import Artifact


class HTML(Artifact):
    """One file, `report.html`.

    The name is Kubeflow Pipelines' own for what its user interface can show; TFX
    takes no custom type without a dot for its Kubeflow compiler
    (tfx/orchestration/kubeflow/v2/compiler_utils.py).
    """

    TYPE_NAME = "system.HTML"
