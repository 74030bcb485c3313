"""Declares the component `Replay`."""

from tfx.types import standard_artifacts

from components.declaration import Component
from components.replay import executor
from contract import nodes


class Replay(Component):
    """Compares the new model's answers with those that callers got so far.

    The new model answers the logged pictures that the champion answered. The agreement
    of both models is compared with bounds: overall, for each class that the champion
    answered, and for each class's share of the answers. The test split tells whether a
    model is right; this tells what changes for callers. A shortfall that chance
    explains at this number of pictures does not count.

    Inputs: `model`, from Trainer; `champion`, from Champion; `examples`, for the task.
    Parameters: `log`, a prefix or folder, see `serving.request_logs.reading`;
    `log_state`, a value that changes with the log, for the cache; `model_name`;
    `max_pictures`, maximum number of pictures, from the newest files; `min_agreement`,
    `min_class_agreement` and `max_share_shift`, the bounds.

    Output `blessing`: custom properties `blessed` (0 or 1), and `left_out`, why nothing
    was compared: there is no champion, no log, or no request that the champion
    answered. Such a model is blessed. It has `replay.json`, see `demand.Replayed`, and
    the pictures of disagreements, each in a file that `serving.request_logs forget`
    removes with its request.
    """

    EXECUTOR = executor.Executor
    INPUTS = {
        nodes.MODEL: standard_artifacts.Model,
        nodes.CHAMPION_MODEL: standard_artifacts.Model,
        nodes.EXAMPLES: standard_artifacts.Examples,
    }
    PARAMETERS = {
        executor.LOG_KEY: str,
        executor.LOG_STATE_KEY: str,
        executor.MODEL_NAME_KEY: str,
        executor.MAX_PICTURES_KEY: int,
        executor.MIN_AGREEMENT_KEY: float,
        executor.MIN_CLASS_AGREEMENT_KEY: float,
        executor.MAX_SHARE_SHIFT_KEY: float,
    }
    OUTPUTS = {nodes.BLESSING: standard_artifacts.ModelBlessing}
