"""What several tests share: servers on loopback, data made from a seed, and the command line."""
