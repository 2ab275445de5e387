"""The walk-forward backtest: strategies that trade through a history of prices, each knowing its past alone."""
