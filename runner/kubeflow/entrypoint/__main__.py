"""`python -m runner.kubeflow.entrypoint`: the command of every node's container."""

from runner.kubeflow.entrypoint.command import main

if __name__ == "__main__":
    main()
