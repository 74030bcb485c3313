"""How good an estimate without labels is, on MNIST as it is and disturbed."""
