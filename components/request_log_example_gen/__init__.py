"""ExampleGen for logged traffic: turns a server's request log into TFRecords."""
