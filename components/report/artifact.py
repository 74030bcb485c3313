"""The artifact that holds a page."""

from tfx.types.artifact import Artifact


class HTML(Artifact):
    """One file, `report.html`.

    The name is the class's own path, by which a container finds it again: TFX's
    Kubeflow compiler writes a custom type's name down as its schema's title
    (tfx/orchestration/kubeflow/v2/compiler_utils.py: `get_artifact_schema`). What
    Kubeflow's user interface shows it by, `system.HTML`, is the compiled
    pipeline's business; see `runner.kubeflow.specification`.
    """

    TYPE_NAME = "components.report.artifact.HTML"
