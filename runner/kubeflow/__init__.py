"""Compiles the pipeline for open-source Kubeflow, submits it, and runs its nodes."""
