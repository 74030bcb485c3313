"""The project as an installable package: Beam workers and images install it."""

from setuptools import find_packages, setup

setup(
    name="mnist-tfx-pipeline",
    version="0.1.0",
    description="MNIST from IDX files to a gated model in TensorFlow Serving",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(
        include=[
            *("components", "components.*"),
            *("contract", "contract.*"),
            *("lineage", "lineage.*"),
            *("pipeline", "pipeline.*"),
            *("runner", "runner.*"),
            *("serving", "serving.*"),
            *("version_store", "version_store.*"),
        ]
    ),
    package_data={"": ["*.css", "*.html", "*.j2", "*.pbtxt", "*.toml", "*.yaml"]},
)
