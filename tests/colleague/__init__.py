"""A network from somebody else's lab, with the package it would come in: nothing of ours is imported here."""
