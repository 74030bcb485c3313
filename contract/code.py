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

    It changes when one of these files changes, or the installed version of the
    stack; and not for edits elsewhere. Ours is also the package of the module itself.

    Args:
        module: Dotted name of a module; of a person's own, what it imports of its own
            package counts as well. Neither it nor what it imports is imported.

    Raises:
        ModuleNotFoundError: There is no such module here.
    """
    found = _closure([module], None)
    if module not in found:
        raise ModuleNotFoundError(f"{module}: expected a Python module, found none")
    return _digest(found)


def own_digest(reference: str) -> str:
    """Returns a digest of a person's own function or class, and what that imports.

    Args:
        reference: See `split_reference`. Of a file, what it imports from its own
            folder counts, and what of ours.

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
    """Returns the digest of a node's code; it stands among its parameters.

    Args:
        parameters: As the component has them, or ML Metadata. Empty where there is
            none: TFX's ExampleValidator takes none.
    """
    custom = parameters.get("custom_config")
    of_custom = json.loads(custom).get(CODE, "") if isinstance(custom, str) else ""
    return str(parameters.get(CODE) or of_custom)


def split_reference(reference: str) -> tuple[str, str]:
    """Splits `file.py:name` or a dotted path, and sees that the name is there.

    The code is not run: the function or class, or an import of that name, is looked
    for in its source.

    Returns:
        The file as it was named, or the dotted name of the module; and the name of
        the function or class.

    Raises:
        BadInputError: It is neither, or there is no such file, module or name.
    """
    if ".py:" in reference or reference.endswith(".py"):
        place, _, function = reference.rpartition(".py:")
        if not function.isidentifier():
            raise BadInputError(f"expected file.py:name, found {reference!r}")
        place += ".py"
        path: str | None = find_file(place)
    else:
        place, _, function = reference.rpartition(".")
        if not all(part.isidentifier() for part in reference.split(".")) or not place:
            raise BadInputError(f"found {reference!r}")
        path = module_file(place, None)
        if path is None:
            raise BadInputError(f"{place}: expected a Python module, found none")
    assert path is not None
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
    """Returns the path of a file, named from here or from the project's folder.

    In an image the project lies elsewhere; so what is named from its folder is found
    there too.

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
    """Returns a digest of modules by their names, and of the stack."""
    digest = hashlib.sha256()
    for package in _STACK:
        digest.update(f"{package}=={importlib.metadata.version(package)}\n".encode())
    for name, path in sorted(files.items()):
        with open(path, "rb") as stream:
            digest.update(name.encode() + b"\0" + stream.read())
    return digest.hexdigest()[:16]


def _closure(modules: Sequence[str], folder: str | None) -> dict[str, str]:
    """Returns modules, what they import of what counts, and their packages: files.

    What counts is ours, and of a person's own what is asked about, what lies in the
    same package as that, and in the folder.

    Args:
        modules: Dotted names.
        folder: Where modules are looked for first; None: nowhere else.
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
    """Returns what a module imports, at any level of its code.

    `from package import x` gives `package.x` as well: x may be a module, or
    just a name in one. Parsing is slow, and most modules are in the closure of
    many nodes: so the answer is kept, by content.
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

    It is looked for on disk, as `find_spec` imports the packages around it, and
    around a name in a module that is the module.

    Args:
        module: Its dotted name.
        folder: Where its package lies; None: where Python looks.
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
