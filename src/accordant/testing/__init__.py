"""Shipped with the product, so that others can prove their parts: what "a store works" means, as code that runs."""
