"""What a node would run, as a digest: part of every cache key.

TFX caches by inputs, parameters and the class of the executor; an edited
function behind the same dotted path is a hit. So each node that runs our code
takes the digest of its module as a parameter.
"""

import ast
import functools
import hashlib
import importlib.metadata
import importlib.util
import os

_OURS = ("components", "contract", "pipeline", "serving", "version_store")
_STACK = (
    "keras",
    "tensorflow",
    "tensorflow-data-validation",
    "tensorflow-model-analysis",
    "tensorflow-transform",
    "tfx",
)


def code_digest(module: str) -> str:
    """Returns a digest of a module and of all our modules that it imports.

    It changes when one of these files changes, or the installed version of the
    stack; and not for edits elsewhere. Ours is also the package of the module itself.

    Args:
        module: Dotted name of a module. Neither it nor what it imports is imported.

    Raises:
        ModuleNotFoundError: There is no such module here.
    """
    digest = hashlib.sha256()
    for package in _STACK:
        digest.update(f"{package}=={importlib.metadata.version(package)}\n".encode())
    for name, path in sorted(_closure(module).items()):
        with open(path, "rb") as stream:
            digest.update(name.encode() + b"\0" + stream.read())
    return digest.hexdigest()[:16]


def _closure(module: str) -> dict[str, str]:
    """Returns the module, all of ours that it imports and their packages: files."""
    found: dict[str, str] = {}
    # What is asked about may be a person's own, in a package of hers.
    ours = {*_OURS, module.split(".")[0]}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in found or name.split(".")[0] not in ours:
            continue
        path = _file(name)
        if path is not None:
            found[name] = path
            with open(path, "rb") as stream:
                source = stream.read()
            is_package = os.path.basename(path) == "__init__.py"
            package = name if is_package else name.rpartition(".")[0]
            waiting.extend(_imports(source, package))
            # Python runs the packages around a module first.
            waiting.append(name.rpartition(".")[0])
    if module not in found:
        raise ModuleNotFoundError(f"{module}: expected a Python module, found none")
    return found


@functools.cache
def _imports(source: bytes, package: str) -> tuple[str, ...]:
    """Returns what a module imports, at any level of its code.

    `from package import x` gives `package.x` as well: x may be a module, or
    just a name in one. Parsing is slow, and most modules are in the closure of
    many nodes: so the answer is kept, by content.

    Args:
        source: Of the module.
        package: Where its relative imports start.
    """
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            relative = "." * node.level + (node.module or "")
            base = importlib.util.resolve_name(relative, package)
            found.append(base)
            found += (f"{base}.{alias.name}" for alias in node.names)
    return tuple(found)


def _file(module: str) -> str | None:
    """Returns a module's source file; None if there is no such module.

    It is looked for on disk, as `find_spec` imports the packages around it, and
    around a name in a module that is the module.
    """
    package, *rest = module.split(".")
    spec = importlib.util.find_spec(package)
    if spec and not rest and spec.submodule_search_locations is None:
        return spec.origin if spec.origin and spec.origin.endswith(".py") else None
    for location in (spec.submodule_search_locations or ()) if spec else ():
        base = os.path.join(location, *rest)
        for path in (os.path.join(base, "__init__.py"), f"{base}.py"):
            if os.path.isfile(path):
                return path
    return None
