"""Where configuration comes from: documents that describe a network, as values."""
