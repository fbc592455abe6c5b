"""Other stream processors doing the standard job, each in a folder of its own with a README of its choices."""
