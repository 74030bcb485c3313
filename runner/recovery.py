"""Cleans up after a killed run before the next one starts.

TFX itself reuses the finished outputs. The killed run leaves an execution in the state
RUNNING, its half-written outputs, and perhaps a version that was not yet renamed to
its number.
"""

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
    for model in _subfolders(models):
        discard_incomplete(model)
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
        for root in _subfolders(artifacts):
            _remove_outputs(root, str(execution.id))
    return len(interrupted)


def _remove_outputs(root: str, execution: str) -> None:
    """Removes the outputs of an execution, by TFX's layout of a pipeline root.

    They lie in `<root>/<node>/<output>/<execution>`, and one level deeper under
    `<root>/<node>/.system`. The number of an execution is unique in a database.
    """
    for node in _subfolders(root):
        for output in (*_subfolders(node), *_subfolders(os.path.join(node, ".system"))):
            shutil.rmtree(os.path.join(output, execution), ignore_errors=True)


def _subfolders(folder: str) -> list[str]:
    if not os.path.isdir(folder):
        return []
    return [entry.path for entry in os.scandir(folder) if entry.is_dir()]
