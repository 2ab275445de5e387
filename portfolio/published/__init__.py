"""The parts of the messages that the domain computes: data only, so that to read a message loads no solver."""
