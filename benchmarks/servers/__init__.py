"""The other sides: servers that the product is measured against. Each is run as a program."""
