"""State that lives beside the stream: partitioned (columns or records, each with a changelog) and global."""
