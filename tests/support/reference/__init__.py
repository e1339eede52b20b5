"""The pages of docs/reference, generated from the program: `make reference` writes them, a test compares them."""
