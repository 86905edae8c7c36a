"""How peers reach a document: the wire's bytes and the session machines (pure), then server and client around them."""
