"""What sampling in the space of a flow makes of fits that are not good enough."""
