"""The words of the wire: subjects, bodies, the patterns of names, and signatures."""
