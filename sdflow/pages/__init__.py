"""HTML pages that need nothing else: no script, no network; plain data in, text out."""
