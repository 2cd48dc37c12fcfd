"""Where cases come from: data-set layouts and lists of files."""
