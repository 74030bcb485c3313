"""Run the pipeline on Kubeflow: `python kubeflow_runner.py --help`."""

from runner.kubeflow.cli import main

if __name__ == "__main__":
    main()
