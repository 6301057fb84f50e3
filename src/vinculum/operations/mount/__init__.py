"""Archives as a file system: options say how it looks, trees are grown from item streams, the server feeds what is mounted."""
