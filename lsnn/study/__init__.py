"""What is asked for: configuration, claims, tables and their columns. Needs no TensorFlow."""
