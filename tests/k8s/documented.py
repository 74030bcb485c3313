"""Reads the kustomizations and commands that docs/deploy.md prints."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PAGE = Path(__file__).resolve().parents[2] / "docs" / "deploy.md"


@dataclass(frozen=True)
class Command:
    """A `kubectl apply -k` or `kubectl delete -k` on the page.

    Attributes:
        verb: ``apply`` or ``delete``.
        namespace: The value of ``-n``; empty without it.
        folder: The kustomization; see `sections` for alternatives in comments.
    """

    verb: str
    namespace: str
    folder: str


def kustomizations() -> dict[str, dict[str, Any]]:
    """Returns the page's kustomizations, by the names that the text gives them."""
    found: dict[str, dict[str, Any]] = {}
    text = PAGE.read_text()
    for block in re.finditer(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        if "kind: Kustomization" in block[1]:
            name = re.findall(r"`(my-[a-z]+)`", text[: block.start()])[-1]
            assert name not in found, f"two kustomizations are called {name}"
            found[name] = yaml.safe_load(block[1])
    # "and `my-train`, the same with `../k8s/train`"
    return {**found, "my-train": {**found["my-toolbox"], "resources": ["../k8s/train"]}}


def sections() -> dict[str, list[list[Command]]]:
    """Returns the commands of each section of the second level, in their order.

    A comment after a command names another folder for another kind of cluster
    (`# on one node: k8s/overlays/local-storage`). So each section is a list of
    variants, with and without these folders.
    """
    found = {}
    for section in re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]:
        title, _, text = section.partition("\n")
        lines = re.findall(
            r"^kubectl (?:-n (\S+) )?(apply|delete) -k (\S+)([^\n]*)$",
            text,
            re.MULTILINE,
        )
        variants = []
        for pick in (_as_written, _other):
            commands = [
                Command(verb, namespace, pick(folder, rest))
                for namespace, verb, folder, rest in lines
            ]
            if commands and commands not in variants:
                variants.append(commands)
        if variants:
            found[title] = variants
    return found


def _as_written(folder: str, rest: str) -> str:
    return folder


def _other(folder: str, rest: str) -> str:
    other = re.search(r"#.*: (k8s/\S+)$", rest)
    return other[1] if other else folder
