"""The public face of a document: schema and handle in one class, regions as attributes, one small port beneath."""
