"""Other people's networks: one file each, with the network as a torch module and a converter of its published files."""
