"""The artifact that holds a page."""

from tfx.types.artifact import Artifact


class HTML(Artifact):
    """One file, `report.html`.

    The name is one by which a container finds the class again, see `components`;
    what Kubeflow's user interface shows it by, `system.HTML`, is the compiled
    pipeline's business, see `runner.kubeflow.specification`.
    """

    TYPE_NAME = "components.HTML"
