"""Studies: declarations, designs, attribution, statistics, and what is made of them."""
