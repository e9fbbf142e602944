"""``orthola tune``: crossovers and rates measured on this machine."""
