"""The pipeline on open-source Kubeflow: compile, submit, and run in a pod."""
