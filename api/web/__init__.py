"""Templates, one stylesheet and a mark. No script: the pages work without."""
