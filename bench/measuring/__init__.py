"""What the measurements share: descriptors to read, processes to watch, clients that ask, a table to print."""
