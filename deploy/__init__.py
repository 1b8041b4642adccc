"""What runs the service elsewhere than on one's own machine; it may import `service` alone."""
