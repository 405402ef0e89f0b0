"""Card payments of Halfmoon Books."""
