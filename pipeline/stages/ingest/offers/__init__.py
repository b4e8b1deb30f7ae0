"""What a message offers where people must choose: lines of toml for the source, each with what it does."""
