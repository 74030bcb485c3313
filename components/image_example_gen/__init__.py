"""ExampleGen for labelled images: from files to TFRecords, and to the task."""
