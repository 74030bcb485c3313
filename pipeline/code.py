"""What a node would run, as a digest: part of every cache key.

TFX caches by inputs, parameters and the class of the executor; an edited
function behind the same dotted path is a hit. So each node that runs our code
takes the digest of its module as a parameter.
"""

import ast
import hashlib
import importlib.metadata
import importlib.util
from collections.abc import Iterator

_OURS = ("components", "pipeline")
_STACK = ("tensorflow", "keras", "tfx", "tensorflow-transform")


def code_digest(module: str) -> str:
    """Returns a digest of a module and of all our modules that it imports.

    It changes when one of these files changes, or the installed version of the
    stack; and not for edits elsewhere.

    Args:
        module: Dotted name of a module of this project; it is not imported.
    """
    digest = hashlib.sha256()
    for package in _STACK:
        digest.update(f"{package}=={importlib.metadata.version(package)}\n".encode())
    for name in sorted(_closure(module)):
        digest.update(name.encode() + b"\0" + _source(name))
    return digest.hexdigest()[:16]


def _closure(module: str) -> set[str]:
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(_imports(name))
    return found


def _imports(module: str) -> Iterator[str]:
    """Yields our modules that the module imports, at any level of its code."""
    for node in ast.walk(ast.parse(_source(module))):
        if isinstance(node, ast.Import):
            candidates = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from package import x`: x may be a module or a name in one.
            candidates = [node.module]
            candidates += [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in candidates:
            if name.split(".")[0] in _OURS and _exists(name):
                yield name


def _exists(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _source(module: str) -> bytes:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no source for module {module}")
    with open(spec.origin, "rb") as stream:
        return stream.read()
