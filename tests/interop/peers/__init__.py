"""The peers, one file each. Importing a file registers its scenarios."""
