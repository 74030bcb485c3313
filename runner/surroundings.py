"""What a run on this machine finds around it."""

from pipeline.config import Config
from pipeline.pipeline import Surroundings
from pipeline.schema import schema_text
from runner.datasets import DataSet
from runner.provenance import find_provenance
from runner.recipe import champion, recipe
from runner.workspace import Workspace


def surroundings(
    config: Config, dataset: DataSet, workspace: Workspace, run: str
) -> Surroundings:
    """Returns what a run would be given now; nothing is written.

    Args:
        config: Of the run.
        dataset: Read and checked.
        workspace: Whose `link_data` and `write_schema` make what is named here.
        run: Name of the run.
    """
    schema = schema_text()
    models = workspace.models(dataset.name)
    own_recipe = recipe(config, dataset.fingerprint, schema)
    return Surroundings(
        source=workspace.data_link(dataset.name, dataset.fingerprint),
        fingerprint=dataset.fingerprint,
        schema=workspace.schema_path(schema),
        models=models,
        champion=champion(models, own_recipe),
        run=run,
        recipe=own_recipe,
        description=dataset.description,
        provenance=find_provenance(),
    )
