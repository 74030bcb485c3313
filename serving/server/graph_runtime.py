"""What runs a SavedModel: its graph in a Session."""

from __future__ import annotations

from collections.abc import Sequence

from tensorflow.core.protobuf import config_pb2

from serving.server import session, shape_functions
from serving.server.flags import Options
from serving.server.plan import Program
from serving.server.shapes import ShapeRule, Shapes, risky_inputs
from serving.server.signatures import Signature
from serving.server.tensors import TensorSpec

_LOOPS = frozenset(("Enter", "LoopCond", "StatelessWhile", "While"))


class GraphRuntime:
    """A SavedModel in a Session.

    Attributes:
        signature_defs: as the model has them, for the metadata.
        signatures: the same, to check requests against.
    """

    def __init__(self, path: str, options: Options, config: config_pb2.ConfigProto):
        """Load it; arguments as those of `Servable`.

        Raises:
            ServingError: see `session.load`.
        """
        tags = [tag.strip() for tag in options.saved_model_tags.split(",")]
        self._session, meta_graph = session.load(path, tags, config)
        self._functions = {
            item.signature.name: item for item in meta_graph.graph_def.library.function
        }
        # Whether a run may be longer than its inputs are large.
        self._loops = options.enforce_session_run_timeout and any(
            node.op in _LOOPS
            for nodes in (
                meta_graph.graph_def.node,
                *(function.node_def for function in self._functions.values()),
            )
            for node in nodes
        )
        self._on_calling_thread = not config.inter_op_parallelism_threads
        self.signature_defs = dict(meta_graph.signature_def)
        self.signatures = {
            key: Signature.from_def(key, definition)
            for key, definition in self.signature_defs.items()
        }

    def compile(
        self, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]
    ) -> Program:
        """Return what runs `outputs` from `inputs`.

        Raises:
            tf.errors.OpError: the graph cannot be run so.
            ValueError: likewise.
            KeyError: likewise.
        """
        feeds = [spec.name for spec in inputs]
        fetches = [spec.name for spec in outputs]
        graph = self._session.graph
        run = session.make_callable(
            self._session, feeds, fetches, on_calling_thread=self._on_calling_thread
        )

        def infer(shapes: Shapes) -> str | None:
            return shape_functions.refusal(graph.as_graph_def(), feeds, fetches, shapes)

        def compile_timed(milliseconds: int) -> session.RawCallable:
            return session.make_callable(
                self._session,
                feeds,
                fetches,
                on_calling_thread=False,
                timeout_ms=milliseconds,
            )

        risky = risky_inputs(graph, self._functions, feeds, fetches)
        return Program(
            run,
            ShapeRule(inputs, risky, infer),
            compile_timed if self._loops else None,
        )

    def close(self) -> None:
        """Free the session; nothing may run any more."""
        self._session.close()
        del self._session
