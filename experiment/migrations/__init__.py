"""How the store's tables came to be, step by step: one file of ``versions`` for each change, applied when it is opened."""
