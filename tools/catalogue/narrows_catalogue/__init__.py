"""Makes the binary catalogue of AWS operations (docs/catalogue.md)."""
