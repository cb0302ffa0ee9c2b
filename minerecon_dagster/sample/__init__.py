"""The bundled offline sample: synthetic days, and the small server that serves them."""
