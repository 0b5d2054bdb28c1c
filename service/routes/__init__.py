"""The routes, one file each: what is asked, and who answers it."""
