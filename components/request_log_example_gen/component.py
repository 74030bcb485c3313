"""Declares the component `RequestLogExampleGen`."""

from tfx.types import standard_artifacts

from components.declaration import Component
from components.request_log_example_gen import executor
from contract import nodes


class RequestLogExampleGen(Component):
    """Turns logged requests into examples of the task, with a split for each version.

    It reads Predict with `serving_default` and `tf_examples`, and Classify. If a
    version is still in the models' folder and has the signature `novelty`, each
    picture's novelty is computed here, where the pictures are in memory. Only one block
    of rows is in memory at a time, for logs of any length.

    Parameters:
    - `log`: a prefix or folder, see `serving.request_logs.reading`.
    - `models`: the folder of the model's versions.
    - `version`: the only version that is read; empty for all.
    - `since` and `until`: the period, in seconds since 1970; -1 for no limit.
    - `hours`: length of the period if `since` is not given. It ends now, or at the hour
      that a collector is writing. 0 for no limit.
    - `labels`: a CSV file with labels that came later; empty for none.
    - `max_requests`: maximum number of requests per version. Of more requests, those
      whose ids have the lowest hashes are read, so the sample is the same each time.
      A request with a label always counts for the true accuracy.

    Output `examples`: gzipped TFRecords of tf.Example, see `contract.features`, in a
    split named by the version, or `unknown`; `task.json`; and `requests.json`: the
    numbers of logged requests, of read ones and of skipped ones, and the number of
    right answers among those with labels.
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
