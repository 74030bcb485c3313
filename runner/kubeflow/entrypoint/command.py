"""Runs one node with the launcher's arguments.

After a failure, the last lines of the pod's log give the reason. The exit codes are
those of the local runner.
"""

import argparse
import importlib.metadata
import json
import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

from contract import command, environment
from contract.errors import BadInputError, GateRefusedError, Terminated
from contract.exits import ON_PURPOSE, Exit
from contract.stopping import stoppable
from runner.kubeflow import origin
from runner.kubeflow.deployment import BEAM_FOLDER
from runner.kubeflow.entrypoint import contract, settings, sharing, source
from runner.kubeflow.fingerprints import project_digest

Json = dict[str, Any]

_NOISY = "apache_beam.typehints.native_type_compatibility"


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the node; ends the process at once, without Python's cleanup.

    During the cleanup, threads of TensorFlow and gRPC that outlive their libraries can
    abort a process that has done its work ("pure virtual method called").
    """
    code = Exit.PUSHED
    try:
        with stoppable():
            run(arguments)
    except GateRefusedError as error:
        code = Exit.REFUSED
        reasons = [
            f"refused by {error.gate}:",
            *(f"  {line}" for line in error.reasons),
        ]
    except (Exception, KeyboardInterrupt, Terminated) as error:
        code, line = command.explain(error, begun=True)
        if code is Exit.BROKEN:
            traceback.print_exc()
        reasons = [line if code in ON_PURPOSE else f"error: {line}"]
    sys.stdout.flush()
    if code is not Exit.PUSHED:
        print("\n".join(reasons), file=sys.stderr)
    sys.stderr.flush()
    os._exit(code.value)


def run(arguments: Sequence[str] | None) -> None:
    """Runs the node and writes its outputs' properties for the launcher.

    Raises:
        BadInputError: The data, a run-time parameter or the image does not fit the
            pipeline.
        GateRefusedError: The node is a gate, and it refused.
        Terminated: KFP ended the run while an engine worked for the node; its job is
            cancelled.
        Exception: Any error of the executor.
    """
    options = _parse(arguments)
    environment.prepare()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    # Hides a hundred useless lines "Using Any for unsupported type".
    logging.getLogger(_NOISY).setLevel(logging.WARNING)
    executor_input = json.loads(options.executor_input)
    given = executor_input["inputs"].get("parameterValues", {})
    with environment.heavy_imports():
        step = settings.step(
            options.node,
            origin.from_json(os.environ.get(origin.VARIABLE, origin.NOTHING)),
            settings.take_asked(given),
        )
    node_input, remote = contract.to_local(
        executor_input, step.inputs, step.outputs, importlib.metadata.version("tfx")
    )
    parameters = {**step.properties, **given}
    node_input["inputs"]["parameterValues"] = parameters
    with tempfile.TemporaryDirectory() as folder:
        if "source" in parameters:
            parameters["source"] = source.locate(parameters["source"], folder)
        if step.on_engine:
            with sharing.on_volume(node_input, BEAM_FOLDER) as (shared, task):
                _execute(step, shared, step.beam.pipeline_args(task))
        else:
            _execute(step, node_input, step.beam.pipeline_args())

    output_file = node_input["outputs"]["outputFile"]
    with open(output_file) as stream:
        written = json.load(stream)
    types = contract.output_types(executor_input)
    with open(output_file, "w") as stream:
        json.dump(contract.to_remote(written, remote, types), stream)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the flags that `document.leave_to_image` writes.

    Raises:
        BadInputError: The pipeline was compiled from other code, which may have had
            other flags.
    """
    digest = argparse.ArgumentParser(prog="runner.kubeflow.entrypoint", add_help=False)
    digest.add_argument("--project_digest", required=True)
    _check_image(digest.parse_known_args(arguments)[0].project_digest)
    parser = argparse.ArgumentParser(prog=digest.prog, parents=[digest])
    parser.add_argument("--executor_input", required=True)
    parser.add_argument("--node", required=True)
    # Only KFP's cache needs this digest of the properties that the pod builds itself.
    parser.add_argument("--properties", required=True)
    return parser.parse_args(arguments)


def _check_image(expected: str) -> None:
    """Refuses to run if the image's code is not the code of the compiler."""
    found = project_digest()
    if found != expected:
        raise BadInputError(
            f"image: expected the code that the pipeline was compiled from "
            f"({expected}), found other code ({found}): build and push the image "
            "again, under a new tag, or compile the pipeline again"
        )


def _execute(step: settings.Step, node_input: Json, beam_args: list[str]) -> None:
    with environment.heavy_imports():
        from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor

    tfx_options = argparse.Namespace(
        executor_class_path=step.executor,
        json_serialized_invocation_args=json.dumps(node_input),
        json_serialized_inputs_spec_args=json.dumps(step.inputs),
    )
    kubeflow_v2_run_executor.main((tfx_options, beam_args))
