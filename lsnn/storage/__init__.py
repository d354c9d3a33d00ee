"""What is written, and vouched for: files, checkpoints, progress, records, the hash of the code."""
