"""What stands in the way of a switch on this very host, told in words before anything is touched."""
