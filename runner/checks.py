"""What a run would only find after TensorFlow is loaded, found before."""

from pipeline.config import Config
from pipeline.schema import judgement
from runner.datasets import DataSet
from runner.workspace import Workspace
from version_store.served import check_name, find_served


def check(config: Config, dataset: DataSet, workspace: Workspace) -> None:
    """Looks at the schema, and at what is served under the model's name.

    Raises:
        BadInputError: The schema of one's own cannot be read, or another task is
            served under the name.
    """
    judgement(config.data.schema_path)
    check_name(
        find_served(workspace.models(dataset.name)),
        dataset.task,
        dataset.name,
        config.gates.replace_task,
    )
