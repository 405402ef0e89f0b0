"""What happened to an order, from every service that knows something."""
