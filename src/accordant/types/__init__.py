"""What things are: values that every room shares. Nothing here acts, and nothing here imports another room."""
