"""Where units are run: in this process, or in worker processes. No executor knows a trainer."""
