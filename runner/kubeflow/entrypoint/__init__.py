"""The program of a node's container: runs a TFX executor for KFP's launcher."""
