"""The administrator's work on a server: run one, set it up, decide which messages may be removed."""
