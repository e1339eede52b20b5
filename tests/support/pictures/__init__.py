"""The pictures of the documentation, made from what the program prints about the sample company."""
