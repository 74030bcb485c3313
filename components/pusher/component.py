"""Declares the component `Pusher`."""

from tfx.types import standard_artifacts

from components.declaration import Component
from components.pusher import executor
from contract import nodes
from serving.client.channel import DEFAULT_ADDRESS
from version_store.serving_config import STABLE


class Pusher(Component):
    """Pushes like TFX's Pusher, with differences for serving.

    - A version appears atomically: TFX's Pusher copies into the folder that the server
      watches, this one writes to another folder and renames it.
    - A model that is served already is not pushed again; the folder decides this, not a
      cache. A model from which a user rolled back is not pushed either.
    - A version documents itself with a manifest, a model card, its task and the
      statistics of its data.

    Inputs: `model`, from Trainer; `model_blessing`, from Evaluator; `infra_blessing`,
    from ServingValidator; `replay`, from Replay, optional. The others are for the
    manifest, and `statistics` is also copied into the version.

    Parameters:
    - `models`: the model's folder with its versions.
    - `run`: the run's name, for the manifest. It differs each time, so this node always
      executes and sees what is really served.
    - `recipe`: digest of everything that determines the model, for the manifest.
    - `facts`: JSON of `Facts` that are in no artifact, for the manifest.
    - `arrive_as`: `stable` or `canary`; and `server`: see `pipeline.config.Push`.

    Output `pushed_model`: custom properties `pushed` (0 or 1), and if it is 1
    `pushed_version`, `pushed_destination` and `already_served` (0 or 1); `held_back`,
    the reason if this model must not be served; `arrived_as`, the label, if versions
    have labels.
    """

    EXECUTOR = executor.Executor
    INPUTS = {
        "model": standard_artifacts.Model,
        "model_blessing": standard_artifacts.ModelBlessing,
        nodes.INFRA_BLESSING: standard_artifacts.InfraBlessing,
        nodes.REPLAYED: standard_artifacts.ModelBlessing,
        nodes.EXAMPLES: standard_artifacts.Examples,
        nodes.SCHEMA: standard_artifacts.Schema,
        nodes.STATISTICS: standard_artifacts.ExampleStatistics,
        nodes.DATA_VERDICT: standard_artifacts.ExampleAnomalies,
        nodes.TRANSFORM_GRAPH: standard_artifacts.TransformGraph,
        nodes.MODEL_RUN: standard_artifacts.ModelRun,
        nodes.EVALUATION: standard_artifacts.ModelEvaluation,
        nodes.CHAMPION_MODEL: standard_artifacts.Model,
    }
    PARAMETERS = {
        executor.MODELS_KEY: str,
        executor.RUN_KEY: str,
        executor.RECIPE_KEY: str,
        executor.FACTS_KEY: str,
        executor.ARRIVE_AS_KEY: str,
        executor.SERVER_KEY: str,
    }
    OUTPUTS = {nodes.PUSHED_MODEL: standard_artifacts.PushedModel}
    DEFAULTS = {
        nodes.REPLAYED: None,
        executor.FACTS_KEY: "{}",
        executor.ARRIVE_AS_KEY: STABLE,
        executor.SERVER_KEY: DEFAULT_ADDRESS,
    }
