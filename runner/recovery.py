"""Cleans up after a killed run before the next one starts.

TFX itself reuses the finished outputs. The killed run leaves an execution in the state
RUNNING, its half-written outputs, and perhaps a version that was not yet renamed to
its number.
"""

import glob
import os
import shutil

from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata

from version_store.changes import discard_incomplete


def recover(database: str, artifacts: str, models: str) -> int:
    """Marks interrupted executions as cancelled and removes their files.

    The caller holds the workspace's lock, so that none of them can still run.

    Returns:
        Number of interrupted executions.
    """
    for model in glob.glob("*", root_dir=models):
        discard_incomplete(os.path.join(models, model))
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
        # TFX's layout is `<model>/<node>/<output>/<execution>`, and one level deeper
        # under `.system`. The number of an execution is unique in a database.
        for outputs in ("*/*/*", "*/*/.system/*"):
            for made in glob.glob(f"{outputs}/{execution.id}", root_dir=artifacts):
                shutil.rmtree(os.path.join(artifacts, made), ignore_errors=True)
    return len(interrupted)
