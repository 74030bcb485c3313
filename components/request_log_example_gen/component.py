"""The component: parameters, output."""

from tfx.types import standard_artifacts

from components.declaration import Component
from components.request_log_example_gen import executor
from contract import nodes


class RequestLogExampleGen(Component):
    """Turns logged requests into examples of the task, a split for each version.

    Read are Predict with `serving_default` and `tf_examples`, and Classify. Of a
    version that is still in the models' folder and has the signature `novelty`, each
    picture's novelty comes with it: here the pictures are at hand. One block of rows is
    in memory at a time, however long the log.

    Parameters: `log`, a prefix or folder, see `serving.request_logs.reading`; `models`,
    the folder of the model's versions; `version`, the only one that is read, or empty;
    `since` and `until`, seconds since 1970, -1 for no end; `hours`, where `since` is
    not given: so many before now, or before the hour that a collector is writing, 0 for
    all; `labels`, a CSV file with
    labels that came late, or empty; `max_requests`, most requests of a version that are
    looked at: of more, those whose ids have the lowest hashes, so that the same ones
    are looked at each time. Where there is a label, a request counts for the true
    accuracy in any case.

    Output `examples`: gzipped TFRecords of tf.Example, see `contract.features`, in a
    split named by the version, or `unknown`; `task.json`; and `requests.json`: how many
    requests there were, how many were looked at, what was passed over, and how many
    answers with labels were right.
    """

    EXECUTOR = executor.Executor
    PARAMETERS = {
        executor.LOG_KEY: str,
        executor.MODELS_KEY: str,
        executor.VERSION_KEY: str,
        executor.SINCE_KEY: int,
        executor.UNTIL_KEY: int,
        executor.HOURS_KEY: int,
        executor.LABELS_KEY: str,
        executor.MAX_REQUESTS_KEY: int,
    }
    OUTPUTS = {nodes.EXAMPLES: standard_artifacts.Examples}
    DEFAULTS = {
        executor.VERSION_KEY: "",
        executor.SINCE_KEY: -1,
        executor.UNTIL_KEY: -1,
        executor.HOURS_KEY: 0,
        executor.LABELS_KEY: "",
        executor.MAX_REQUESTS_KEY: 20_000,
    }
