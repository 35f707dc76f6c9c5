"""A folder with what hosts are to serve that nobody reaches: any web server or git repository can hand it out."""
