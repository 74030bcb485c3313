"""ExampleGen for what a server was asked: from its request log to TFRecords."""
