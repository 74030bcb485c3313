"""A compiled pipeline is read from a file, with the parameters of a run."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from contract.errors import BadInputError
from runner.kubeflow.package import arguments, read
from tests.runner.kubeflow.conftest import NODES, WritePackage, specification


def write(path: Path, content: dict[str, Any]) -> str:
    path.write_text(yaml.safe_dump(content))
    return str(path)


class TestReading:
    def test_what_it_says_of_itself(self, write_package: WritePackage) -> None:
        package = read(str(write_package()))
        assert package.name == "mnist"
        assert package.nodes == NODES
        assert package.parameters["epochs"] == ("NUMBER_INTEGER", 25)
        assert package.parameters["data"] == ("STRING", "mnist")
        assert package.ours
        assert not package.fingerprinted

    def test_the_digest_is_the_contents(self, write_package: WritePackage) -> None:
        same = [read(str(write_package(name))).digest for name in ("a.yaml", "b.yml")]
        other = read(str(write_package("c.yaml", data="digits"))).digest
        assert same[0] == same[1] != other

    def test_nodes_come_after_those_they_need(self, tmp_path: Path) -> None:
        content = specification()
        content["root"]["dag"]["tasks"] = {
            "A": {"dependentTasks": ["C", "B"]},
            "B": {"dependentTasks": ["C"]},
            "C": {},
        }
        path = write(tmp_path / "p.yaml", content)
        assert read(path).nodes == ("C", "B", "A")
        assert not read(path).ours

    @pytest.mark.parametrize(
        ("name", "content", "problem"),
        [
            ("p.json", "{}", "expected a name that ends in .yaml"),
            ("p.yaml", "a: [", "expected YAML, found: while parsing a flow"),
            ("p.yaml", "", "expected a compiled pipeline"),
            ("p.yaml", "just words", "expected a compiled pipeline"),
            ("p.yaml", "apiVersion: argoproj.io/v1", "expected a compiled pipeline"),
        ],
    )
    def test_what_is_no_compiled_pipeline(
        self, tmp_path: Path, name: str, content: str, problem: str
    ) -> None:
        path = tmp_path / name
        path.write_text(content)
        with pytest.raises(BadInputError, match=problem) as caught:
            read(str(path))
        assert "\n" not in str(caught.value)

    def test_one_that_is_not_there(self, tmp_path: Path) -> None:
        path = str(tmp_path / "p.yaml")
        with pytest.raises(BadInputError, match="cannot be read: No such file"):
            read(path)

    def test_the_schema_that_vertex_takes(self, tmp_path: Path) -> None:
        path = write(tmp_path / "p.yaml", {**specification(), "schemaVersion": "2.0.0"})
        with pytest.raises(BadInputError, match=r"version 2\.1\.0, found 2\.0\.0"):
            read(path)


class TestArguments:
    def test_texts_become_values_of_the_declared_type(
        self, write_package: WritePackage
    ) -> None:
        given = ("epochs=3", "learning_rate=1e-4", "allow_anomalies=True", "epochs=5")
        assert arguments(read(str(write_package())), given) == {
            "epochs": 5,
            "learning_rate": 0.0001,
            "allow_anomalies": True,
        }

    @pytest.mark.parametrize(
        ("given", "problem"),
        [
            ("epochs", "parameter epochs: expected name=value"),
            ("=5", "parameter =5: expected name=value"),
            ("epoch=5", "parameter epoch: the pipeline has no such one, .*epochs"),
            ("epochs=five", "parameter epochs: expected a whole number, found 'five'"),
            ("epochs=2.5", "parameter epochs: expected a whole number, found '2.5'"),
            ("learning_rate=fast", "learning_rate: expected a number, found 'fast'"),
            ("learning_rate=nan", "learning_rate: expected a number, found 'nan'"),
            ("allow_anomalies=1", "expected true or false, found '1'"),
            ("epochs=0", "parameter epochs: .*greater than or equal to 1, found 0"),
            ("min_accuracy=97", "parameter min_accuracy: .*less than or equal to 1"),
        ],
    )
    def test_what_the_pods_would_refuse_is_refused_here(
        self, write_package: WritePackage, given: str, problem: str
    ) -> None:
        with pytest.raises(BadInputError, match=problem) as caught:
            arguments(read(str(write_package())), [given])
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        ("type_name", "text", "value"),
        [
            ("LIST", "[1, 2]", [1, 2]),
            ("STRUCT", '{"a": 1}', {"a": 1}),
            ("STRING", "a=b", "a=b"),
        ],
    )
    def test_a_pipeline_of_others_has_other_types(
        self, tmp_path: Path, type_name: str, text: str, value: Any
    ) -> None:
        content = specification()
        del content["root"]["dag"]["tasks"]["Verdict"]
        content["root"]["inputDefinitions"]["parameters"] = {
            "x": {"parameterType": type_name}
        }
        package = read(write(tmp_path / "p.yaml", content))
        assert arguments(package, [f"x={text}"]) == {"x": value}
        with pytest.raises(BadInputError, match="parameter x: expected a value, as it"):
            arguments(package, [])

    @pytest.mark.parametrize(("type_name", "text"), [("LIST", "{}"), ("STRUCT", "[")])
    def test_json_of_another_kind(
        self, tmp_path: Path, type_name: str, text: str
    ) -> None:
        content = specification()
        content["root"]["inputDefinitions"]["parameters"] = {
            "x": {"parameterType": type_name}
        }
        package = read(write(tmp_path / "p.yaml", content))
        with pytest.raises(BadInputError, match=r"parameter x: expected .* in JSON"):
            arguments(package, [f"x={text}"])


class TestData:
    @pytest.mark.parametrize(
        ("compiled", "asked"),
        [
            ("mnist", "digits"),
            ("/data/mnist", "/data/other"),
            ("s3://bucket/mnist", "gs://bucket/other.npz"),
        ],
    )
    def test_another_place_of_the_same_kind(
        self, write_package: WritePackage, compiled: str, asked: str
    ) -> None:
        package = read(str(write_package(data=compiled)))
        assert arguments(package, [f"data={asked}"]) == {"data": asked}

    @pytest.mark.parametrize(
        ("compiled", "asked"),
        [
            ("mnist", "/data/mnist"),
            ("mnist", "s3://bucket/mnist"),
            ("/data/mnist", "s3://bucket/mnist"),
            ("s3://bucket/mnist", "mnist"),
        ],
    )
    def test_another_kind_of_place_is_out_of_the_pods_reach(
        self, write_package: WritePackage, compiled: str, asked: str
    ) -> None:
        package = read(str(write_package(data=compiled)))
        with pytest.raises(BadInputError, match=f"compiled for {compiled}, and reach"):
            arguments(package, [f"data={asked}"])

    def test_a_place_of_no_kind(self, write_package: WritePackage) -> None:
        with pytest.raises(BadInputError, match=r"data: expected .*, found \./mnist"):
            arguments(read(str(write_package())), ["data=./mnist"])

    def test_other_data_than_the_fingerprint_is_of(
        self, write_package: WritePackage
    ) -> None:
        package = read(str(write_package(cached=True)))
        assert package.fingerprinted
        assert arguments(package, ["data=mnist"]) == {"data": "mnist"}
        with pytest.raises(BadInputError, match="with the fingerprint of mnist"):
            arguments(package, ["data=digits"])
