"""The standard job as a good user of stock Faust would write it. README.md says what was chosen and why."""
