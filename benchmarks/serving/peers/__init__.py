"""Everything that is measured. Each peer's folder says how it is started and asked, and holds what it runs."""
