"""What the Trainer does: read, fit, answer, export."""
