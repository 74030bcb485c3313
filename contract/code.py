"""Computes digests of the code that nodes run, which are part of their cache keys.

TFX's cache key has inputs, parameters and the class of the executor, so an edited
function behind the same dotted path would be a cache hit. Each node that runs our code
therefore takes the digest of its module as a parameter.
"""

import ast
import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from contract.errors import BadInputError
from contract.properties import CODE

PACKAGES = ("components", "contract", "pipeline", "serving", "version_store")
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

    It changes if one of these files or an installed version of the stack changes, and
    not for edits elsewhere. Modules of the module's own package count as ours.

    Args:
        module: Dotted name of a module, ours or the user's own. No module is imported.

    Raises:
        ModuleNotFoundError: There is no such module here.
    """
    found = _closure([module], None)
    if module not in found:
        raise ModuleNotFoundError(f"{module}: expected a Python module, found none")
    return _digest(found)


def own_digest(reference: str) -> str:
    """Returns a digest of the file or module of a user's own function or class.

    Args:
        reference: See `split_reference`. The digest includes the modules that a file
            imports from its own folder and from our packages.

    Raises:
        BadInputError: There is no such file or module.
    """
    place, _ = split_reference(reference)
    if not place.endswith(".py"):
        return code_digest(place)
    path = find_file(place)
    with open(path, "rb") as stream:
        source = stream.read()
    imported = _closure(_imports(source, ""), os.path.dirname(path))
    return _digest({**imported, "": path})


def code_among(parameters: Mapping[str, Any]) -> str:
    """Returns the digest of a node's code from the node's parameters.

    Args:
        parameters: Parameters of the component, or those in ML Metadata.

    Returns:
        The digest; "" for nodes without one, such as TFX's ExampleValidator.
    """
    custom = parameters.get("custom_config")
    of_custom = json.loads(custom).get(CODE, "") if isinstance(custom, str) else ""
    return str(parameters.get(CODE) or of_custom)


def split_reference(reference: str) -> tuple[str, str]:
    """Splits `file.py:name` or a dotted path, and checks that the name exists.

    The code is not run: the source is searched for the function or class, or for an
    import of that name.

    Returns:
        The file as it was named, or the dotted name of the module; and the name of
        the function or class.

    Raises:
        BadInputError: The reference has another form, or there is no such file, module
            or name.
    """
    if ".py:" in reference or reference.endswith(".py"):
        place, _, function = reference.rpartition(".py:")
        if not function.isidentifier():
            raise BadInputError(f"expected file.py:name, found {reference!r}")
        place += ".py"
        path = find_file(place)
    else:
        place, _, function = reference.rpartition(".")
        if not all(part.isidentifier() for part in reference.split(".")) or not place:
            raise BadInputError(f"found {reference!r}")
        found = module_file(place, None)
        if found is None:
            raise BadInputError(f"{place}: expected a Python module, found none")
        path = found
    with open(path, "rb") as stream:
        source = stream.read()
    try:
        names = {name for node in ast.parse(source).body for name in _defined(node)}
    except (SyntaxError, ValueError) as error:
        raise BadInputError(f"{path}: expected Python, found: {error}") from error
    if function not in names:
        raise BadInputError(
            f"{place}: expected a function or class {function}, found none"
        )
    return place, function


def find_file(name: str) -> str:
    """Returns the path of a file, relative to the current or the project's folder.

    In an image the project is in another folder; so files of the project are found
    there, too.

    Raises:
        BadInputError: There is no such file.
    """
    project = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for path in (os.path.expanduser(name), os.path.join(project, name)):
        if os.path.isfile(path):
            return os.path.abspath(path)
    raise BadInputError(f"{name}: expected a Python file, found none")


def _defined(node: ast.stmt) -> list[str]:
    """Returns the names that a statement at a module's top level defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name for alias in node.names]
    return []


def _digest(files: Mapping[str, str]) -> str:
    """Returns a digest of modules (name to file) and of the stack's versions."""
    digest = hashlib.sha256()
    digest.update(_stack())
    for name, path in sorted(files.items()):
        with open(path, "rb") as stream:
            digest.update(name.encode() + b"\0" + stream.read())
    return digest.hexdigest()[:16]


@functools.cache
def _stack() -> bytes:
    """Returns the installed versions of the stack; it is slow to read them."""
    return "".join(
        f"{package}=={importlib.metadata.version(package)}\n" for package in _STACK
    ).encode()


def _closure(modules: Sequence[str], folder: str | None) -> dict[str, str]:
    """Returns the files of modules, of their relevant imports and of their packages.

    Imports are relevant if they are in our packages, in the folder, or (without a
    folder) in the packages of the given modules.

    Args:
        modules: Dotted names.
        folder: Folder that is searched for modules first; None for no such folder.

    Returns:
        Files by dotted name.
    """
    found: dict[str, str] = {}
    waiting = list(modules)
    own = () if folder else {name.split(".")[0] for name in modules}
    while waiting:
        name = waiting.pop()
        top = name.split(".")[0]
        if not name or name in found:
            continue
        path = module_file(name, folder) if folder else None
        if path is None and (top in PACKAGES or top in own):
            path = module_file(name, None)
        if path is not None:
            found[name] = path
            with open(path, "rb") as stream:
                source = stream.read()
            is_package = os.path.basename(path) == "__init__.py"
            package = name if is_package else name.rpartition(".")[0]
            waiting.extend(_imports(source, package))
            # Python runs the packages around a module first.
            waiting.append(name.rpartition(".")[0])
    return found


@functools.cache
def _imports(source: bytes, package: str) -> tuple[str, ...]:
    """Returns the names of all modules that a module imports, at any level of its code.

    `from package import x` also gives `package.x`, as x may be a module or only a name
    in one. Parsing is slow and most modules are in the closure of many nodes, so the
    result is cached by content.
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


def module_file(module: str, folder: str | None) -> str | None:
    """Returns a module's source file; None if there is no such module.

    The file is searched on disk, as `find_spec` would import the parents of the name.

    Args:
        module: Dotted name of the module.
        folder: Folder of its top package; None for Python's own search path.
    """
    package, *rest = module.split(".")
    if folder is not None:
        locations = [os.path.join(folder, package)]
    else:
        spec = importlib.util.find_spec(package)
        locations = list((spec.submodule_search_locations or ()) if spec else ())
        if spec and spec.origin and not locations and not rest:
            return spec.origin if spec.origin.endswith(".py") else None
    for location in locations:
        base = os.path.join(location, *rest)
        for path in (os.path.join(base, "__init__.py"), f"{base}.py"):
            if os.path.isfile(path):
                return path
    return None
