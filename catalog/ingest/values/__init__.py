"""Values as a source writes them: identifiers, missing ones, lists, attributes; mostly as SQL."""
