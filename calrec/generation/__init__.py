"""From a prompt to texts: sampling."""
