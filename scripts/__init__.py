"""One verb a file: `python -m scripts.<verb>`."""
