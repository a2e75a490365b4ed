"""What the documents show of the tool: played on a real server, evened out, and written into the pages."""
