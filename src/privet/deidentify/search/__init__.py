"""Search for the tables that keep most while no small group of rows stands out."""
