"""What a node's container runs: KFP's contract on one side, TFX's on the other."""
