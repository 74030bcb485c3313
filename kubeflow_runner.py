"""Run the pipeline on Kubeflow: `python kubeflow_runner.py --help`."""

from contract.start import start

if __name__ == "__main__":
    start("runner.kubeflow.cli")
