"""Runs a SavedModel's graph in a Session."""

from collections.abc import Sequence

from tensorflow.core.protobuf import config_pb2

from serving.server import session, shape_functions
from serving.server.flags import Options
from serving.server.plan import Program
from serving.server.shapes import Operations, ShapeRule, Shapes, survive
from serving.server.signatures import Signature
from serving.server.tensors import TensorSpec

_LOOPS = frozenset(("Enter", "LoopCond", "StatelessWhile", "While"))


class GraphRuntime:
    """A SavedModel in a Session."""

    def __init__(
        self,
        name: str,
        path: str,
        options: Options,
        config: config_pb2.ConfigProto,
    ):
        """Loads the SavedModel; the arguments are those of `Servable`.

        Raises:
            ServingError: see `session.load`.
        """
        tags = [tag.strip() for tag in options.saved_model_tags.split(",")]
        config, self._loops_pool = session.with_pools(
            config, name, options.grpc_max_threads
        )
        self._session, meta_graph = session.load(path, tags, config)
        functions = {
            item.signature.name: item for item in meta_graph.graph_def.library.function
        }
        self._operations = Operations(self._session.graph, functions)
        self._breaks_off = options.enforce_session_run_timeout
        self._on_calling_thread = not config.inter_op_parallelism_threads
        self.signature_defs = dict(meta_graph.signature_def)
        self.signatures = {
            key: Signature.from_def(key, definition)
            for key, definition in self.signature_defs.items()
        }

    def compile(
        self, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]
    ) -> Program:
        """Returns the program that computes `outputs` from `inputs`.

        Raises:
            tf.errors.OpError: the graph cannot compute these outputs.
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
                thread_pool=self._loops_pool,
                timeout_ms=milliseconds,
            )

        needed = self._operations.needed(feeds, fetches)
        # Without a loop, the size of the inputs bounds the run time.
        loops = not _LOOPS.isdisjoint(self._operations.kinds(needed))
        risky = frozenset(
            name
            for name in feeds
            if not survive(
                self._operations.kinds(self._operations.reached(name, needed))
            )
        )
        return Program(
            run,
            ShapeRule(inputs, risky, infer),
            compile_timed if loops and self._breaks_off else None,
        )

    def close(self) -> None:
        """Frees the session. No run may be active."""
        self._session.close()
        del self._session
