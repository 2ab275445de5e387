"""What several test suites use: builders, oracles, made requests, streams and servers."""
