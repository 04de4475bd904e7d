"""Bytes from elsewhere and to elsewhere; none of it is trusted before its CID is checked."""
