"""How peers reach a document: the wire's bytes and the session machines (pure), then a server and a client around them."""
