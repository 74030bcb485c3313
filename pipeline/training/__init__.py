"""The Trainer's work: it reads the data, fits, predicts and exports."""
