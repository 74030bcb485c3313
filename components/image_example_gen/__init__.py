"""ExampleGen for labelled images: turns files into TFRecords and a task."""
