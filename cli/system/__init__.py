"""The whole system on one machine: start the processes, replace those that exit, show the dashboard."""
