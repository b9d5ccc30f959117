"""Ways of asking and reading that several sources share. Sources are the differences."""
