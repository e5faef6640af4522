"""What the desk keeps of customers, one module for each keeper; `declared` lists them all."""
