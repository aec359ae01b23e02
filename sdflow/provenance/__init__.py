"""Where a picture comes from: the record inside it, and what other programs write there. No torch."""
