"""Images: finding cases, reading and writing files, slices, the slice store and batches."""
