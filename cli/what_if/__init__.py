"""What-if questions, answered without a server: one rule for many values, two events side by side."""
