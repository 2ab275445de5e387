"""Stage 2 as a cone program: variables, rules, trades, goals and objective."""
