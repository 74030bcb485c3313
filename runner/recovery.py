"""Cleaning up after a run that was killed, before the next one starts.

TFX reuses what was finished by itself. What was going on is left as an
execution that runs for ever, its half-written outputs, and perhaps a version
that never got its name.
"""

import os
import shutil

from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata

from components.pusher.versions import discard_incomplete


def recover(database: str, artifacts: str, models: str) -> int:
    """Marks interrupted executions as cancelled and removes what they left.

    To be called while the workspace is held, so that none of them can be alive.

    Args:
        database: Path of the sqlite file; it may not exist yet.
        artifacts: The pipeline root.
        models: The folder of the model's versions.

    Returns:
        How many executions had been interrupted.
    """
    discard_incomplete(models)
    if not os.path.exists(database):
        return 0
    connection = metadata.sqlite_metadata_connection_config(database)
    with metadata.Metadata(connection) as handle:
        interrupted = [
            execution
            for execution in handle.store.get_executions()
            if execution.last_known_state == metadata_store_pb2.Execution.RUNNING
        ]
        for execution in interrupted:
            execution.last_known_state = metadata_store_pb2.Execution.CANCELED
        if interrupted:
            handle.store.put_executions(interrupted)
    for execution in interrupted:
        _remove_outputs(artifacts, str(execution.id))
    return len(interrupted)


def _remove_outputs(artifacts: str, execution: str) -> None:
    """Removes `<artifacts>/<node>/<output>/<execution>`, TFX's layout of outputs."""
    if not os.path.isdir(artifacts):
        return
    for node in os.scandir(artifacts):
        for output in os.scandir(node.path) if node.is_dir() else ():
            shutil.rmtree(os.path.join(output.path, execution), ignore_errors=True)
