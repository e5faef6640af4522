"""What gathers facts from the repositories and calls the rules of the domain."""
