"""The component: inputs, parameters, output."""

from tfx.types import standard_artifacts

from components.declaration import Component
from components.replay import executor
from contract import nodes


class Replay(Component):
    """Holds the new model to what callers got so far.

    It answers the pictures that the champion was asked by callers, as a server logged
    them, and how often both agree is held to bounds: overall, by the class that the
    champion answered, and by each class's share of the answers. The test split says
    whether a model is right; this says what changes for those who call it. A shortfall
    that chance alone makes of so few pictures is none.

    Inputs: `model`, from Trainer; `champion`, from Champion; `examples`, for the task.
    Parameters: `log`, a prefix or folder, see `serving.request_logs.reading`;
    `log_state`, anything that differs when the log does, for the cache; `model_name`;
    `max_pictures`, of the newest files so many at most; `min_agreement`,
    `min_class_agreement` and `max_share_shift`, the bounds.

    Output `blessing`: custom properties `blessed` (0 or 1), and `left_out`, why nothing
    was asked: there is no champion, no log, or nothing in it that the champion
    answered; such a model is blessed. `replay.json`, see `demand.Replayed`, and the
    pictures of disagreements, each a file that `serving.request_logs forget` removes
    with its request.
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
