"""The environment agrees with the locks, and the locks with the code's needs."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from itertools import chain
from pathlib import Path, PurePosixPath

import pytest
from packaging.markers import Marker
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
LOCKS = ("compat", "current")
LOCK_FILES = (
    "uv.txt",
    *(f"{lock}{kind}.txt" for lock in LOCKS for kind in ("", "-dev")),
)
# setup.py runs only when setuptools builds the project.
BUILD_ONLY = {"setup.py"}
# Folders for developers only may import packages for developers only.
DEVELOPER_FOLDERS = {"tests", "benchmarks"}


def read_names(source: str) -> set[str]:
    """Returns the packages in a .in file and in those that it includes."""
    names = set()
    for line in (REQUIREMENTS / source).read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            names |= read_names(line[3:].strip())
        elif found := re.match(r"[A-Za-z0-9][\w.-]*", line):
            names.add(canonicalize_name(found[0]))
    return names


def read_pins(lock: str) -> dict[str, list[tuple[str, str]]]:
    """Returns the versions that a lock file pins, with their markers, by package."""
    pins: dict[str, list[tuple[str, str]]] = {}
    for line in (REQUIREMENTS / lock).read_text(encoding="utf-8").splitlines():
        if found := re.match(r"([\w.-]+)==([^\s;]+)(?: ; (.+?))? \\$", line):
            pins.setdefault(found[1], []).append((found[2], found[3] or ""))
    return pins


def locked_versions(lock: str) -> dict[str, set[str]]:
    return {name: {entry[0] for entry in pin} for name, pin in read_pins(lock).items()}


def installed_lock() -> str:
    version = importlib.metadata.version("tfx")
    fitting = [k for k in LOCKS if read_pins(f"{k}.txt")["tfx"] == [(version, "")]]
    assert len(fitting) == 1, f"tfx {version} is in {fitting or 'no lock'}"
    return fitting[0]


def own_sources() -> Iterator[Path]:
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).parts
        if not parts[0].startswith(".") and parts[0] not in {"build", "dist", "output"}:
            yield path


def imported_modules(source: Path) -> Iterator[tuple[int, str, list[str]]]:
    """Yields line, module and imported names of each absolute import."""
    for node in ast.walk(ast.parse(source.read_bytes())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, []
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module, [alias.name for alias in node.names]


@pytest.fixture(scope="module")
def owners() -> dict[str, set[str]]:
    """Returns installed packages by the full names of their modules.

    Full names are needed, as `google` alone belongs to a dozen packages.
    """
    modules: dict[str, set[str]] = {}
    for package in importlib.metadata.distributions():
        name = canonicalize_name(package.metadata["Name"])
        for module in module_names(package):
            modules.setdefault(module, set()).add(name)
    return modules


def module_names(package: importlib.metadata.Distribution) -> Iterator[str]:
    """Yields the full names of all modules of an installed package."""
    for file in package.files or ():
        if file.suffix not in {".py", ".so"}:
            continue
        parts = [*file.parts[:-1], file.name.split(".")[0]]
        if parts[-1] == "__init__":
            parts.pop()
        if parts and all(part.isidentifier() for part in parts):
            yield ".".join(parts)


def top_modules(package: importlib.metadata.Distribution) -> list[str]:
    """Returns the packages and single modules to import, below any namespace."""
    roots = set()
    for file in package.files or ():
        path = PurePosixPath(file.as_posix())
        if path.name == "__init__.py":
            roots.add(path.parent)
        elif len(path.parts) == 1 and path.suffix in {".py", ".so"}:
            roots.add(PurePosixPath(path.name.split(".")[0]))
    return sorted(
        ".".join(root.parts)
        for root in roots
        if not any(parent in roots for parent in root.parents)
        and all(part.isidentifier() for part in root.parts)
    )


def find_owners(module: str, owners: dict[str, set[str]]) -> set[str]:
    """Returns the packages with a module, or with its nearest existing parent."""
    while module:
        if module in owners:
            return owners[module]
        module = module.rpartition(".")[0]
    return set()


class TestInstalled:
    def test_versions_are_those_of_one_lock(self) -> None:
        lock = installed_lock()
        pins = {**read_pins(f"{lock}.txt"), **read_pins(f"{lock}-dev.txt")}

        # Only site-packages: setuptools adds its own packages to sys.path on import.
        site_packages = sysconfig.get_path("purelib")
        installed: dict[str, str] = {
            canonicalize_name(package.metadata["Name"]): package.version
            for package in importlib.metadata.distributions(path=[site_packages])
        }

        wrong = [
            f"{name}: locked {version}, installed {installed.get(name)}"
            for name, entries in pins.items()
            for version, marker in entries
            if (not marker or Marker(marker).evaluate())
            and installed.get(name) != version
        ]
        assert wrong == []

    def test_pip_finds_nothing_missing_and_no_conflict(self) -> None:
        check = subprocess.run(
            [sys.executable, "-m", "pip", "check", "--disable-pip-version-check"],
            capture_output=True,
            text=True,
            check=False,
        )

        assert (check.returncode, check.stdout) == (
            0,
            "No broken requirements found.\n",
        )

    def test_everything_named_can_be_imported(self) -> None:
        names = read_names(f"{installed_lock()}.in") | read_names("dev.in")
        modules = {
            name: top_modules(importlib.metadata.distribution(name))
            for name in sorted(names)
            if not name.startswith("types-")  # stubs have no modules to import
        }
        assert [name for name, found in modules.items() if not found] == []
        script = (
            "import importlib, sys\n"
            "for name in sys.argv[1:]:\n"
            "    try:\n"
            "        importlib.import_module(name)\n"
            "    except Exception as error:\n"
            "        print(f'{name}: {error!r}')\n"
        )

        answer = subprocess.run(
            [sys.executable, "-c", script, *chain.from_iterable(modules.values())],
            capture_output=True,
            text=True,
            check=False,
        )

        assert answer.stdout == ""
        assert answer.returncode == 0, answer.stderr[-2000:]

    @pytest.mark.parametrize("name", ["tensorflow", "tfx", "apache-beam"])
    def test_slow_imports_are_byte_compiled(self, name: str) -> None:
        files = importlib.metadata.distribution(name).files or []
        sources = [Path(str(f.locate())) for f in files if f.suffix == ".py"]

        missing = [
            str(source)
            for source in sources
            if not Path(importlib.util.cache_from_source(str(source))).exists()
        ]

        # A few packages contain a template or an example that is no valid Python.
        assert len(sources) > 100
        assert len(missing) < 0.01 * len(sources), missing[:5]


class TestNames:
    def test_every_imported_package_is_named(self, owners: dict[str, set[str]]) -> None:
        runtime = {lock: read_names(f"{lock}.in") for lock in LOCKS}
        own = {path.stem for path in ROOT.glob("*.py")} | {
            path.parent.name for path in ROOT.glob("*/*.py")
        }
        unnamed = []
        for source in own_sources():
            where = source.relative_to(ROOT)
            if where.as_posix() in BUILD_ONLY:
                continue
            developer = where.parts[0] in DEVELOPER_FOLDERS
            extra = read_names("dev.in") if developer else set()
            for line, module, names in imported_modules(source):
                if module.split(".")[0] in own | sys.stdlib_module_names:
                    continue
                for full in [f"{module}.{name}" for name in names] or [module]:
                    found = find_owners(full, owners)
                    unnamed += [
                        f"{where}:{line}: {full} ({', '.join(found) or 'nobody'}'s) "
                        f"is not named for {lock}"
                        for lock in LOCKS
                        if not found & (runtime[lock] | extra)
                    ]
        assert unnamed == [], "\n".join(unnamed)

    def test_both_locks_hold_the_same_names_for_the_project(self) -> None:
        names = read_names("base.in") | read_names("dev.in")

        held = {
            lock: names
            & (read_pins(f"{lock}.txt").keys() | read_pins(f"{lock}-dev.txt").keys())
            for lock in LOCKS
        }

        assert held == dict.fromkeys(LOCKS, names)


class TestLockFiles:
    @pytest.mark.parametrize("lock", LOCKS)
    def test_holds_what_is_named_at_the_version_that_is_named(self, lock: str) -> None:
        pins = read_pins(f"{lock}.txt")
        dev_pins = read_pins(f"{lock}-dev.txt")
        source = (REQUIREMENTS / f"{lock}.in").read_text(encoding="utf-8")
        exact = dict(re.findall(r"^([\w.-]+)==(\S+)", source, re.M))

        assert read_names(f"{lock}.in") - pins.keys() == set()
        assert read_names("dev.in") - dev_pins.keys() == set()
        assert {name: pins[name] for name in exact} == {
            name: [(version, "")] for name, version in exact.items()
        }

    @pytest.mark.parametrize("lock", LOCKS)
    def test_test_tools_change_nothing_of_what_runs(self, lock: str) -> None:
        pins = locked_versions(f"{lock}.txt")
        dev_pins = locked_versions(f"{lock}-dev.txt")

        changed = {
            name: (pins[name], versions)
            for name, versions in dev_pins.items()
            if name in pins and not versions <= pins[name]
        }

        assert changed == {}

    @pytest.mark.parametrize("name", LOCK_FILES)
    def test_every_entry_has_hashes(self, name: str) -> None:
        text = (REQUIREMENTS / name).read_text(encoding="utf-8")
        logical = re.sub(r" \\\n\s+", " ", text).splitlines()
        entries = [
            line for line in logical if line and not line.lstrip().startswith("#")
        ]

        pattern = re.compile(r"[\w.-]+==\S+( ; .+?)?( --hash=sha256:[0-9a-f]{64})+")

        assert [line for line in entries if not pattern.fullmatch(line)] == []
        assert len(entries) == sum(map(len, read_pins(name).values())) > 0

    @pytest.mark.parametrize("name", LOCK_FILES)
    def test_names_no_index_and_no_address(self, name: str) -> None:
        text = (REQUIREMENTS / name).read_text(encoding="utf-8")

        assert re.findall(r"\S*://\S*|.*-index.*|.*--find-links.*", text) == []
