"""What is allowed to happen to a document. The core decides without doing: no socket, file, clock or dice."""
